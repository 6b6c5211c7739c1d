"""The state table: complete, closed, and kept to by `advance`."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.delivery.lifecycle import (
    ENDS,
    FAILED_ENDS,
    LATE,
    TABLE,
    Event,
    State,
    advance,
    allowed,
    back_off,
    outcome,
    states_before,
)
from edxml_router.core.problems import Defect


def test_the_way_of_a_forwarded_delivery() -> None:
    state = State.QUEUED
    for event, after in (
        (Event.CLAIM, State.FORWARDING),
        (Event.DEFER, State.DEFERRED),
        (Event.CLAIM, State.FORWARDING),
        (Event.HAND_OVER, State.FORWARDED),
        (Event.ACCEPT, State.FORWARDED),
        (Event.CONFIRM, State.CONFIRMED),
    ):
        following = advance(state, event)
        assert following is after
        state = after


def test_the_way_of_a_delivery_served_here() -> None:
    assert advance(State.QUEUED, Event.CLAIM) is State.FORWARDING
    assert advance(State.FORWARDING, Event.OFFER) is State.AVAILABLE
    assert advance(State.AVAILABLE, Event.RETURN) is State.RETURNED
    assert advance(State.RETURNED, Event.RESEND) is State.QUEUED


@pytest.mark.parametrize("state", list(State))
def test_a_blank_cell_is_a_defect(state: State) -> None:
    for event in Event:
        if event not in TABLE[state]:
            with pytest.raises(Defect) as caught:
                advance(state, event)
            assert caught.value.code == "EDX699"


@pytest.mark.parametrize("state", sorted(ENDS))
def test_an_end_is_left_by_resend_and_by_the_fact_that_the_recipient_has_it(state: State) -> None:
    leaving = {event: advance(state, event) for event in Event if allowed(state, event)}
    failed = {Event.CONFIRM: State.CONFIRMED, Event.RESEND: State.QUEUED}
    assert leaving == (failed if state in FAILED_ENDS else {})


@pytest.mark.parametrize("event", [Event.CONFIRM, Event.RETURN, Event.EXPIRE])
def test_a_notice_ends_every_open_delivery_and_is_late_afterwards(event: Event) -> None:
    for state in State:
        following = advance(state, event)
        late = state in ENDS and not (event is Event.CONFIRM and state in FAILED_ENDS)
        assert following is LATE if late else following in ENDS


def test_every_state_but_the_first_is_reached_and_none_is_a_trap() -> None:
    reached = {after for row in TABLE.values() for after in row.values() if isinstance(after, State)}
    assert reached == set(State)
    for state in set(State) - ENDS:
        assert {TABLE[state].get(Event.CONFIRM), TABLE[state].get(Event.EXPIRE)} <= ENDS


def test_sources_lists_where_an_event_leads_out_of() -> None:
    assert set(states_before(Event.RESEND)) == set(FAILED_ENDS)
    assert states_before(Event.RELEASE) == (State.HELD,)


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_no_sequence_of_events_leaves_the_table(events: list[Event]) -> None:
    state = State.QUEUED
    for event in events:
        if event in TABLE[state]:
            following = advance(state, event)
            if following is not LATE:
                assert isinstance(following, State)
                assert state not in ENDS or (state in FAILED_ENDS and event in (Event.RESEND, Event.CONFIRM))
                state = following


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], "empty"),
        ([State.CONFIRMED, State.QUEUED], "open"),
        ([State.CONFIRMED, State.CONFIRMED], "confirmed"),
        ([State.CONFIRMED, State.EXPIRED], "mixed"),
        ([State.RETURNED, State.CANCELLED], "failed"),
    ],
)
def test_the_envelopes_state_is_computed(states: list[State], expected: str) -> None:
    assert outcome(states) == expected


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_back_off_is_bounded_and_jittered(attempts: int, chance: float) -> None:
    first, ceiling = timedelta(seconds=5), timedelta(hours=1)
    wait = back_off(attempts, first, ceiling, chance)
    full = min(first * 2 ** min(attempts - 1, 20), ceiling)
    assert full / 2 <= wait <= full
    assert back_off(attempts, first, ceiling, 0.0) <= back_off(attempts + 1, first, ceiling, 0.0)
