"""How our settings, protocols and loaders enter RecBole's own Config, data sets and data preparation.

Each function takes the RecBole class or module and wraps what it must; without ``protocol`` and for RecBole's own
models the wrapped code does exactly what it did.
"""
