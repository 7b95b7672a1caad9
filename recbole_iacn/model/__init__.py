"""RecBole models: click-through-rate models with the auxiliary task, and multi-interest retrieval models."""
