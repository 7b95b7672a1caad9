"""Click-through-rate models: the auxiliary task as a mixin, and its backbones."""
