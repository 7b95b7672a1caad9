"""RecBole models: the interest-aware mixin and its backbones."""
