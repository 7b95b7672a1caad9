"""Package metadata. The settings of the tools (ruff, mypy, pytest) are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "recbole_iacn" / "version.py").read_text())[1]

# RecBole 1.2.1 pins a version of ray without a wheel for Python 3.12 and later, so pip cannot resolve it there. It is
# then installed with `pip install --no-deps recbole==1.2.1`, and its requirements come from this list and from this
# package's own.
RECBOLE_RUNTIME = [
    "colorama==0.4.4",  # RecBole pins these two
    "colorlog==4.7.2",
    "psutil",
    "tensorboard",
    "texttable",
    "thop",
]

# For `recbole-iacn search`.
SEARCH = ["optuna", "sqlalchemy"]  # the second is how the first keeps its trials; it raises its errors

# For `recbole-iacn report --pictures`; Kaleido draws with Chrome or Chromium.
PICTURES = ["kaleido>=1", "plotly>=6.1"]

# For `recbole-iacn prepare`: the database that filters on disk.
TABLES = ["duckdb"]

# For Amazon's dumps also faster JSON and gzip than the standard library's.
AMAZON = [*TABLES, "isal", "orjson"]

# For Recommender.export; onnxscript is what torch.onnx writes by.
ONNX = ["onnx", "onnxruntime", "onnxscript"]

# For `recbole-iacn serve`, and for Recommender.pipeline, whose index of item vectors is faiss'.
SERVE = [
    "faiss-cpu",
    "fastapi",
    "prometheus_client",
    "uvicorn",
    "httptools",  # uvicorn takes these two where it finds them: a fifth to a third less CPU time per request
    "uvloop; sys_platform != 'win32'",
]

# For `make docs`: the site. The first brings mkdocs; the last two make pages of notebooks and draw formulas.
DOCS = ["mkdocs-material", "mkdocstrings[python]", "nbconvert", "ziamath"]

setup(
    name="recbole_iacn",
    version=VERSION,
    description="Interest-aware item embeddings (IaCN) and multi-interest models (MIND, TiMiRec …) for RecBole",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The recbole_iacn authors",
    license="MIT",
    keywords="recommender systems, click-through rate, multi-interest, capsule network, RecBole",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in (10, 11, 12, 13)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=[*find_packages(include=["recbole_iacn", "recbole_iacn.*"]), "recbole_iacn.properties"],
    package_dir={"recbole_iacn.properties": "properties"},
    package_data={
        "recbole_iacn": ["py.typed"],
        "recbole_iacn.properties": ["*.yaml"],
        "recbole_iacn.serving.page": ["files/*"],
    },
    install_requires=[
        "recbole==1.2.1; python_version < '3.12'",
        *(f"{name}; python_version >= '3.12'" for name in RECBOLE_RUNTIME),
        "torch>=2.5",  # in 2.4, processes that trained together can hang as they end; 2.3 lacks a fused Adam on the CPU
        "numpy",
        "pandas",
        "plotly",
        "pyarrow",  # a bundle's tables
        "pydantic>=2.9",  # types and ranges of settings
        "filelock",  # tells work in progress from what a dead process has left
        "annotated-types",  # ranges, as pydantic writes them
        "typing_extensions",
        "pyyaml",
        "safetensors",  # a bundle's weights
        "scikit-learn",  # t-SNE, for the map of items; k-means beside interests
        "scipy",
        "tabulate",
        "threadpoolctl",  # one thread for k-means of fifty clicks; with more it takes twenty times as long
        "tqdm",
    ],
    py_modules=["recbole_iacn_command"],  # hears Ctrl-C before the package is imported
    entry_points={"console_scripts": ["recbole-iacn = recbole_iacn_command:main"]},
    extras_require={
        "amazon": AMAZON,
        "docs": DOCS,
        "onnx": ONNX,
        "pictures": PICTURES,
        "search": SEARCH,
        "serve": SERVE,
        "tables": TABLES,
        "testing": ["pytest"],  # for recbole_iacn.testing
        "test": [
            *AMAZON,
            *DOCS,
            *ONNX,
            *PICTURES,
            *SEARCH,
            *SERVE,
            "axe-playwright-python",  # axe.min.js, the newest there is as a package
            "build",
            "hypothesis",
            "ipykernel",
            "mypy",
            "nbclient",  # runs the notebooks of examples/
            "polars",  # for from_tables
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "ruff",
            "selenium",
            "setuptools>=70.1",
        ],
    },
)
