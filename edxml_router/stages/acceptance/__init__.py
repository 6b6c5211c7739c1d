"""Acceptance: a submission is examined, admitted, decided and written."""
