"""RecBole's settings of data: columns, loading, filtering and preparation. Its YAML files have the defaults."""

from typing import Annotated, Literal

from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import (
    Benchmark,
    Column,
    Columns,
    Discretization,
    Encoding,
    Interval,
    Loaded,
    Names,
    Number,
    Rule,
    Separator,
    Text,
    Unloaded,
    Values,
    Width,
)


class Data(Group):
    """Data"""

    field_separator: Separator
    """Separator of the columns of atomic files."""

    seq_separator: Separator
    """Separator of the values of a list."""

    encoding: Encoding | None
    """Encoding of atomic files; ~ is utf-8."""

    USER_ID_FIELD: Column
    """Column of users."""

    ITEM_ID_FIELD: Column
    """Column of items."""

    RATING_FIELD: Column
    """Column of ratings."""

    TIME_FIELD: Column
    """Column of times."""

    seq_len: dict[Column, Width] | None
    """Maximum length of lists, by column."""

    LABEL_FIELD: Column
    """Column of labels."""

    threshold: (
        Annotated[dict[Column, Number], Rule(lambda one: len(one) == 1, "a dict with one column and a number")] | None
    )
    """Create labels: 1 where the column is at least the number."""

    NEG_PREFIX: Text
    """Prefix of the columns of negatives."""

    numerical_features: Columns
    """Float columns that are features. [] is all loaded ones of items and users, but those that another setting uses,
    for <Backbone>_IaCN, and under a protocol for RecBole's click models; for other models it is none."""

    load_col: Loaded | None
    """Columns to load, by file: inter, item, user; '*' or ~ for all."""

    unload_col: Unloaded | None
    """Columns not to load, by file; for files that load_col does not name."""

    unused_col: Unloaded | None
    """Columns, by file, that are loaded to prepare the data and dropped before training."""

    additional_feat_suffix: Names | None
    """Further atomic files, by suffix."""

    rm_dup_inter: Literal["first", "last"] | None
    """Which of several clicks of a user on an item is kept; ~ for all."""

    val_interval: dict[Column, Interval | Values] | None
    """Rows to keep, by column: an interval of numbers, or a list of tokens."""

    filter_inter_by_user_or_item: bool
    """Drop interactions of users and items that the user and item files do not have."""

    user_inter_num_interval: Interval | None
    """Users to keep, by number of interactions: '[5,inf)'."""

    item_inter_num_interval: Interval | None
    """Items to keep, by number of interactions: '[5,inf)'."""

    alias_of_user_id: Columns | None
    """Further columns that hold users."""

    alias_of_item_id: Columns | None
    """Further columns that hold items; those of histories (item_id_list) need not be named."""

    alias_of_entity_id: Columns | None
    """Further columns that hold entities."""

    alias_of_relation_id: Columns | None
    """Further columns that hold relations."""

    preload_weight: dict[Column, Column] | None
    """Columns of vectors, by the column of ids that they belong to."""

    normalize_field: Columns | None
    """Float columns to scale to [0, 1]."""

    normalize_all: bool | None
    """Scale every float column to [0, 1]."""

    discretization: dict[Column, Discretization] | None
    """Numerical features to divide into buckets, by column: method ED (with bucket, their number) or LD."""

    ITEM_LIST_LENGTH_FIELD: Column
    """Name for the column of history lengths."""

    LIST_SUFFIX: Text
    """Suffix of the columns of histories."""

    MAX_ITEM_LIST_LENGTH: Width
    """Maximum history length."""

    POSITION_FIELD: Column
    """Name for the column of positions."""

    HEAD_ENTITY_ID_FIELD: Column
    """Column of a triple's heads."""

    TAIL_ENTITY_ID_FIELD: Column
    """Column of a triple's tails."""

    RELATION_ID_FIELD: Column
    """Column of a triple's relations."""

    ENTITY_ID_FIELD: Column
    """Column of entities."""

    kg_reverse_r: bool
    """Add the reverse of each relation."""

    entity_kg_num_interval: Interval | None
    """Entities to keep, by number of triples."""

    relation_kg_num_interval: Interval | None
    """Relations to keep, by number of triples."""

    benchmark_filename: Benchmark | None
    """Parts of a dataset that is already split: [train, valid, test] or [train, test] (NAME.train.inter and so on)."""
