"""What the faces are given of jobs and of what waits: values of the store, by the door of the services."""

from edxml_router.store.bulk.choosing import CauseGroup
from edxml_router.store.bulk.jobs import BulkJob, JobState

__all__ = ["BulkJob", "CauseGroup", "JobState"]
