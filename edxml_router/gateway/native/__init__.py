"""The native interface of the gateway, ``/v1``: REST and JSON, in the shapes of docs/shapes.md."""
