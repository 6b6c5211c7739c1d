"""Where each shape is met: what a command prints with ``--json``, what the gateway answers, and what a message to an
office holds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edxml_router.shapes import (
    agency,
    delivery,
    history,
    letter,
    node,
    notice,
    problem,
    proof,
    trust,
    verdict,
)
from edxml_router.shapes.evidence import asking, certificate, control, gaps, replay, report, tiles, time_stamp, unproven
from edxml_router.shapes.flow import drain, halts, redrive, watch
from edxml_router.shapes.gateway import answers, content, forecast
from edxml_router.shapes.keeping import export, redaction, retention
from edxml_router.shapes.office import conformance
from edxml_router.shapes.people import account as people
from edxml_router.shapes.upkeep import copies

Shapes = tuple[type, ...]

# One object on a line, many lines; where a command has two shapes, each line is of the one or the other.
COMMANDS: Final[Mapping[str, Shapes]] = MappingProxyType(
    {
        "agency import": (agency.ImportedRowShape, agency.ImportShape),
        "agency list": (agency.AgencyShape,),
        "agency resolve": (agency.ResolutionShape,),
        "agency show": (agency.AgencyDetailShape,),
        "audit replay": (replay.ReplayShape,),
        "backup": (copies.BackupShape,),
        "certificate verify": (certificate.CertificateVerificationShape,),
        "check": (verdict.CheckShape,),
        "comply": (control.ControlShape,),
        "config check": (node.ConfigurationShape,),
        "config show": (node.SettingsShape,),
        "conformance": (conformance.ConformanceShape,),
        "confirm": (delivery.ConfirmationShape,),
        "doctor": (node.HealthShape,),
        "documents": (asking.DocumentShape,),
        "documents --count": (asking.CountShape,),
        "drill": (copies.DrillShape,),
        "explain": (problem.ExplanationShape,),
        "export": (export.ExportShape,),
        "drain": (drain.DrainShape,),
        "resume": (drain.DrainShape,),
        "halt add": (halts.HaltShape,),
        "halt list": (halts.HaltShape,),
        "halt release": (halts.HaltShape,),
        "inbox": (delivery.LetterShape,),
        "inbox --notices": (notice.NoticeShape,),
        "journal checkpoint": (proof.CheckpointShape,),
        "journal query": (history.EntryShape,),
        "journal query --count": (asking.CountShape,),
        "journal verify": (node.VerificationShape,),
        "journal stamps": (time_stamp.TimeStampShape,),
        "journal tiles": (tiles.TilesShape,),
        "journal tiles --verify": (tiles.TileCheckShape,),
        "journal witness": (proof.NeighbourLogShape,),
        "journal witness --forks": (proof.ForkShape,),
        "letter recall": (letter.WrittenLetterShape, letter.DraftRefusedShape),
        "letter sign": (letter.WrittenLetterShape,),
        "letter status": (letter.WrittenLetterShape, letter.DraftRefusedShape),
        "letter write": (letter.WrittenLetterShape, letter.DraftRefusedShape),
        "link check": (gaps.LinkComparisonShape,),
        "link new": (node.LinkShape,),
        "link unproven": (unproven.UnprovenEndShape,),
        "pki init": (trust.TrialAuthorityShape,),
        "pki issue": (trust.IssuedShape,),
        "pki list": (trust.IssuedRowShape,),
        "pki request": (trust.RequestedShape,),
        "pki sign": (trust.SignedRequestShape,),
        "ping": (node.HealthShape,),
        "queue cancel": (delivery.ActShape,),
        "queue hold": (delivery.ActShape,),
        "queue list": (delivery.DeliveryShape,),
        "queue list --quarantine": (history.QuarantinedShape,),
        "queue list --webhooks": (answers.WebhookShape,),
        "queue release": (delivery.ActShape,),
        "queue retry": (delivery.ActShape,),
        "queue shape": (delivery.PileShape,),
        "queue show": (history.DeliveryHistoryShape,),
        "queue show --quarantine": (history.QuarantinedShape,),
        "recovery show": (node.RecoveryShape,),
        "restore": (copies.RestoreShape, copies.BackupShape),
        "redact": (redaction.RedactionShape,),
        "redact --dry-run": (redaction.PlannedRedactionShape,),
        "report make": (report.ReportShape,),
        "report verify": (report.ReportVerificationShape,),
        "redrive": (redrive.RedriveShape, delivery.ActShape),
        "resend": (delivery.ActShape, redrive.RedriveShape),
        "retention compact": (retention.CompactionShape,),
        "retention hold": (retention.HeldDocumentShape,),
        "retention holds": (retention.HoldShape,),
        "retention plan": (retention.RetentionPlanShape,),
        "retention plan --list": (retention.PlannedDocumentShape,),
        "retention release": (retention.HeldDocumentShape,),
        "retention run": (retention.RemovalShape, redaction.RedactionShape),
        "send": (verdict.SentShape,),
        "sent": (letter.SentLetterShape,),
        "token issue": (answers.IssuedTokenShape,),
        "token list": (answers.TokenShape,),
        "token revoke": (answers.TokenShape,),
        "trace": (history.HistoryShape,),
        "trust add": (trust.AuthorityShape,),
        "trust bind": (trust.BindingChangeShape,),
        "trust block": (trust.BindingChangeShape,),
        "trust delegate": (trust.BindingChangeShape,),
        "trust list": (trust.BindingShape,),
        "trust revoke": (trust.BindingChangeShape,),
        "trust status": (trust.ExpiryShape,),
        "trust unbind": (trust.BindingChangeShape,),
        "trust unblock": (trust.BindingChangeShape,),
        "trust undelegate": (trust.BindingChangeShape,),
        "user add": (people.AddedPersonShape,),
        "user list": (people.PersonShape,),
        "user password": (people.AddedPersonShape,),
        "user revoke": (people.EndedSessionsShape,),
        "user sessions": (people.PersonSessionShape,),
        "watch": (watch.WatchShape,),
        "webhook list": (answers.WebhookShape,),
    }
)

# The body of an answer of the gateway that is no problem, by method and path.
ANSWERS: Final[Mapping[str, Shapes]] = MappingProxyType(
    {
        "GET /v1/agencies": (answers.AgencyPageShape,),
        "GET /v1/agencies/changes": (answers.AgencyChangesShape,),
        "GET /v1/agencies/{code}": (agency.AgencyShape,),
        "GET /v1/events": (answers.EventPageShape,),
        "GET /v1/health": (answers.ReadyShape,),
        "GET /v1/inbox": (answers.InboxPageShape,),
        "GET /v1/inbox/{letter}/content": (content.LetterContentShape,),
        "GET /v1/notices": (answers.NoticePageShape,),
        "GET /v1/ready": (answers.ReadyShape,),
        "POST /v1/forecasts": (forecast.ForecastShape,),
        "POST /v1/inbox/confirm": (answers.ConfirmationsShape,),
        "POST /v1/inbox/{letter}/confirm": (delivery.ConfirmationShape,),
        "POST /v1/inbox/{letter}/return": (delivery.ConfirmationShape,),
        "GET /v1/sent": (letter.SentPageShape,),
        "GET /v1/sent/{digest}": (letter.SentLetterShape,),
        "POST /v1/notices/clear": (answers.ClearedShape,),
        "POST /v1/letters": (letter.WrittenLettersShape, letter.DraftRefusedShape),
        "POST /v1/letters/{name}/signature": (letter.WrittenLettersShape,),
        "POST /v1/recalls": (letter.WrittenLettersShape, letter.DraftRefusedShape),
        "POST /v1/replacements": (letter.WrittenLettersShape, letter.DraftRefusedShape),
        "POST /v1/statuses": (letter.WrittenLettersShape, letter.DraftRefusedShape),
        "POST /v1/updates": (letter.WrittenLettersShape, letter.DraftRefusedShape),
        "POST /v1/envelopes": (verdict.SubmissionShape, verdict.RefusedSubmissionShape),
        "PUT /v1/envelopes/{sha256}": (verdict.SubmissionShape, verdict.RefusedSubmissionShape),
    }
)

# The whole body of a message, by its kind.
MESSAGES: Final[Mapping[str, type]] = MappingProxyType(
    {
        "verdict": verdict.SubmissionShape,
        "answer": delivery.ConfirmationShape,
        "notice": notice.NoticeShape,
        "withdrawn": notice.NoticeShape,
    }
)
