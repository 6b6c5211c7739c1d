"""A problem: what is wrong, where, who must act, and what helps.

The members of RFC 9457, with ours beside them. Both languages are in it: an office reads its mailbox without having
said which it wants, and what a program parses must not hang on the locale of whoever started it.
A detail that another node or a person wrote is the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from edxml_router.core.problems import FAMILIES, PROBLEMS, Actor, Finding, Problem, Weight
from edxml_router.language.catalogues import told
from edxml_router.shapes.form import Code


class ProblemKindShape(TypedDict):
    """A row of the problem table."""

    type: str
    code: Code
    title: str
    title_vi: str
    status: int
    weight: Weight
    actor: Actor
    remedy: str
    remedy_vi: str


class ProblemShape(ProblemKindShape):
    """A problem that occurred. It may be sent as ``application/problem+json``."""

    detail: str
    detail_vi: str
    where: str


class ExplanationShape(ProblemKindShape):
    """A row of the problem table, with what only the command line needs."""

    family: str
    family_vi: str
    exit_status: int


def problem_kind_shape(problem: Problem) -> ProblemKindShape:
    return {
        "type": f"urn:edxml-router:problem:{problem.slug}",
        "code": problem.code,
        "title": problem.title["en"],
        "title_vi": problem.title["vi"],
        "status": problem.http_status,
        "weight": problem.weight,
        "actor": problem.actor,
        "remedy": problem.remedy["en"],
        "remedy_vi": problem.remedy["vi"],
    }


def problem_shape(finding: Finding, remedy: Mapping[str, str] | None = None) -> ProblemShape:
    """``remedy``, by language, stands for that of the table."""
    kind = problem_kind_shape(finding.problem)
    if remedy is not None:
        kind |= {"remedy": remedy["en"], "remedy_vi": remedy["vi"]}
    return {
        **kind,
        "detail": finding.detail,
        "detail_vi": told("vi", finding.detail),
        "where": finding.where,
    }


def problem_or_none(finding: Finding | None) -> ProblemShape | None:
    return problem_shape(finding) if finding else None


def kept_problem(code: str, where: str, detail: str) -> ProblemShape | None:
    """The problem that a row of the database names; None where it names none. What only a newer version knows, which
    had the database before, is named by its code."""
    if not code:
        return None
    if code in PROBLEMS:
        return problem_shape(Finding(code, where, detail))
    return {
        "type": "about:blank",
        "code": code,
        "title": code,
        "title_vi": code,
        "status": 500,
        "weight": Weight.PERMANENT,
        "actor": Actor.OPERATOR,
        "remedy": "",
        "remedy_vi": "",
        "detail": detail,
        "detail_vi": told("vi", detail),
        "where": where,
    }


def explanation_shape(problem: Problem) -> ExplanationShape:
    family = FAMILIES[problem.family]
    return {
        **problem_kind_shape(problem),
        "family": str(family),
        "family_vi": told("vi", family),
        "exit_status": problem.exit_status,
    }
