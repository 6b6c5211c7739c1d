"""What may be done for e-office systems, apart from handing in and fetching (:mod:`edxml_router.services.office`)."""
