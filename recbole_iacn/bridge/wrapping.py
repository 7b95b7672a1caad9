"""One function in place of another that it may call."""

import functools


def wrap(owner, name):
    """Decorator: replace ``owner.name`` by a function that gets the original as its first argument."""

    def decorate(function):
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(owner, name, wrapper)
        return wrapper

    return decorate
