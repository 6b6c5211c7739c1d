"""The chapters of the story that :mod:`edxml_router.pipeline` tells."""
