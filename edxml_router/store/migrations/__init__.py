"""The steps that make and change the schema, applied in order by :mod:`edxml_router.store.database.migrate`."""
