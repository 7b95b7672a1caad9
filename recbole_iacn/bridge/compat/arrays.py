"""Shims for what NumPy, SciPy and pandas break in RecBole."""

import builtins
import types
import warnings

_restored: set[str] = set()  # names that were restored here


def restore_numpy_names(names):
    """Restore names that NumPy has dropped.

    Args:
        names (dict): old name -> current name; a name that NumPy still has stays unchanged.
    """
    import numpy as np

    for old, new in names.items():
        if not hasattr(np, old):
            setattr(np, old, getattr(np, new))
            _restored.add(old)


def numpy_names_are_gone():
    """True if NumPy has no ``np.float_`` of its own (NumPy 2)."""
    import numpy as np

    return "float_" in _restored or not hasattr(np, "float_")


def patch_numpy_names(module):
    """Restore ``np.float_``, ``np.complex_`` and ``np.unicode_``.

    Args:
        module: ``recbole.config.configurator``.
    """
    restore_numpy_names({"float_": "float64", "complex_": "complex128", "unicode_": "str_"})


def _update(matrix, entries):
    matrix._dict.update(entries)


def dok_update_is_gone():
    """True if a ``dok_matrix`` cannot be filled by ``_update`` (SciPy 1.13)."""
    from scipy import sparse

    return getattr(sparse.dok_matrix, "_update", _update) is _update


def patch_dok_update(module):
    """Restore ``dok_matrix._update``, which adds entries by (row, column) without checking them.

    Args:
        module: ``recbole.model.abstract_recommender``, which every model imports.
    """
    from scipy import sparse

    if hasattr(sparse.dok_matrix, "_update"):
        return

    sparse.dok_matrix._update = _update


def agg_counts_rows():
    """True if ``series.agg(len)`` is the length of the series and no longer the length of each value (pandas 3)."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 2 announces the change
        return not isinstance(pd.Series([[1, 2], [3]]).agg(len), pd.Series)


def patch_len(module):
    """In a module that calls ``feat[field].agg(len)`` to get the length of each value, let ``len`` of a series do that.

    Args:
        module: ``recbole.data.dataset.dataset``, ``….sequential_dataset`` or ``….kg_dataset``.
    """
    if not agg_counts_rows():
        return
    import pandas as pd

    def each_length(value):
        return value.map(builtins.len) if isinstance(value, pd.Series) else builtins.len(value)

    module.len = each_length


def fillna_is_lost():
    """True if ``frame[column].fillna(…, inplace=True)`` leaves the frame unchanged (pandas 3, copy on write)."""
    import pandas as pd

    frame = pd.DataFrame({"a": [None, 1.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame["a"].fillna(0.0, inplace=True)
    return bool(frame["a"].isna().any())


def patch_missing_values(module):
    """Fill empty cells when they are read, and before RecBole fills them in a copy.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """
    if not fillna_is_lost():
        return
    module.pd = _PandasThatFillsSequences(module.pd)
    fill_nan = module.Dataset._fill_nan

    def fill_first(dataset):
        from recbole.utils import FeatureType

        for name in dataset.feat_name_list:
            feat = getattr(dataset, name)
            for field in feat:
                if dataset.field2type[field] == FeatureType.TOKEN:
                    feat[field] = feat[field].fillna(0)
                elif dataset.field2type[field] == FeatureType.FLOAT:
                    feat[field] = feat[field].fillna(feat[field].mean())
        fill_nan(dataset)

    module.Dataset._fill_nan = fill_first


class _PandasThatFillsSequences(types.ModuleType):
    """pandas, but ``read_csv`` returns empty text for the missing cells of sequence columns (``name:token_seq``)."""

    def __init__(self, pandas):
        super().__init__("pandas")
        self._pandas = pandas

    def __getattr__(self, name):
        return getattr(self._pandas, name)

    def read_csv(self, *args, **kwargs):
        frame = self._pandas.read_csv(*args, **kwargs)
        for column in frame.columns:
            if str(column).endswith(("token_seq", "float_seq")):
                frame[column] = frame[column].fillna("")
        return frame
