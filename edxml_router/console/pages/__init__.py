"""The pages, one module each, with its ``ROUTES``: method, path, handler, and the roles that may."""
