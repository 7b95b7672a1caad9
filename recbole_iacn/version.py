"""The version, in the one place that packaging, results and manifests read."""

__version__ = "0.6.0.dev0"
