"""Replace a function by one that may call the original."""

import functools


def wrap(owner, name):
    """Decorator: replace ``owner.name`` by a function that receives the original as its first argument."""

    def decorate(function):
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(owner, name, wrapper)
        return wrapper

    return decorate
