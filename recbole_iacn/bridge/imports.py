"""Run code around the import of a module, without importing it now.

RecBole takes seconds to import. Changes of its modules are therefore registered here and made when a module is first
imported; a process that never imports RecBole has no cost.
"""

import importlib.abc
import importlib.util
import sys
import threading

_around = {}
_searching = threading.local()


def around_import(name):
    """Decorator: run a generator function around the import of module ``name``.

    The function has one ``yield``. The part before it runs just before the module's code; ``module = yield`` receives
    the module just after. With several functions, both the first parts and the second parts run in the order of
    registration. If the module is already imported, both parts run immediately.

    Args:
        name (str): full module name.

    Example:
        >>> @around_import("json.tool")
        ... def announce():
        ...     module = yield
        ...     module.announced = True
    """

    def register(function):
        module = sys.modules.get(name)
        if module is not None:
            _finish(_start([function]), module)
        else:
            _around.setdefault(name, []).append(function)
        return function

    return register


def _start(functions):
    running = [function() for function in functions]
    for generator in running:
        next(generator)
    return running


def _finish(running, module):
    for generator in running:
        try:
            generator.send(module)
        except StopIteration:
            continue
        raise RuntimeError(f"{generator.__name__}: a function around an import must have exactly one yield")


def _abandon(running):
    for generator in running:
        generator.close()


class _AroundFinder(importlib.abc.MetaPathFinder):
    """Asks the other finders for a module's spec and wraps ``exec_module`` of its loader."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in _around or fullname in _searching.__dict__:
            return None
        _searching.__dict__[fullname] = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            del _searching.__dict__[fullname]
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _wrapped(spec.loader.exec_module, fullname)
        return spec


def _wrapped(exec_module, name):
    def execute(module):
        running = _start(_around[name])
        try:
            exec_module(module)
        except BaseException:
            _abandon(running)
            raise
        _finish(running, module)

    return execute


sys.meta_path.insert(0, _AroundFinder())
