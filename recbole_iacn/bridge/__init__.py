"""All that touches RecBole: the patches that add this package's models, settings, protocols and loaders to it.

Each patch receives a module of RecBole and wraps as little of it as possible; without ``protocol`` and for RecBole's
own models the wrapped code behaves exactly as before.
"""
