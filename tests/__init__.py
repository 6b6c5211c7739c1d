"""The tests; a package, so that test modules share the builders of :mod:`tests.fixtures`."""
