"""Whatever buyers, the gateway, its post, admins and crashes do, in whatever order: the books are right."""

import asyncio
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from academy.kit.ids import new_id
from tests.faults.payments.stories import COUPON, COUPON_LIMIT, Act, Cast, Deed, World, make_cast

ACTS = st.builds(Act, st.sampled_from(Deed), st.integers(0, 3))
MONEY_BACK = st.builds(
    Act, st.sampled_from([Deed.ASKS_PART_BACK, Deed.ASKS_ALL_BACK, Deed.ASKS_ALL_BACK, Deed.REFUNDS]), st.integers(0, 1)
)
WAYS_TO_BUY = st.sampled_from([Deed.BUYS, Deed.BUYS_BY_COUPON])


class Story(RuleBasedStateMachine):
    """A random story.

    Attributes:
        cast: who is in it.
        folder: where each story makes an academy of its own.
    """

    cast: ClassVar[Cast]
    folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self._world: World | None = None

    @property
    def world(self) -> World:
        """Where it happens."""
        assert self._world is not None
        return self._world

    @initialize(closes_checkouts=st.booleans())
    def begin(self, closes_checkouts: bool) -> None:
        """Opens the academy, with a gateway whose checkouts can be closed or cannot."""
        self._world = World(self.cast, self.folder / new_id(), closes_checkouts=closes_checkouts)

    @rule(way=WAYS_TO_BUY, which=st.integers(0, 1))
    def purchase(self, way: Deed, which: int) -> None:
        """Somebody buys as most do; without that the others would have little to be about."""
        for deed in (way, Deed.PAYS, Deed.WORKS, Deed.DELIVERS, Deed.WORKS):
            self.world.happen(Act(deed, which if deed is way else 0))

    @rule(way=WAYS_TO_BUY, which=st.integers(0, 1))
    def checkout(self, way: Deed, which: int) -> None:
        """Somebody begins to buy."""
        self.world.happen(Act(way, which))

    @rule(act=MONEY_BACK)
    def money_back(self, act: Act) -> None:
        """Money goes back."""
        self.world.happen(act)

    @rule(act=ACTS)
    def one(self, act: Act) -> None:
        """Somebody does anything."""
        self.world.happen(act)

    @rule(first=ACTS, second=ACTS)
    def two_at_once(self, first: Act, second: Act) -> None:
        """Two of them do something at the same time."""
        self.world.happen(first, second)

    @rule(act=ACTS, steps=st.integers(0, 9))
    def crash(self, act: Act, steps: int) -> None:
        """The academy crashes in the middle of something, and is started again."""
        self.world.happen(act, crash_after=steps)

    @rule(minutes=st.sampled_from([1, 6, 61, 7 * 60]))
    def time_passes(self, minutes: int) -> None:
        """Nothing happens for a while."""
        self.world.clock.move(minutes=minutes)

    @rule()
    def repair(self) -> None:
        """An admin repairs what got lost."""
        self.world.repair()

    @invariant()
    def the_books_are_right(self) -> None:
        """Nothing is half done, at any moment."""
        if self._world is not None:
            held = self.world.books()
            held.check()
            held.check_coupon(COUPON, COUPON_LIMIT)

    def teardown(self) -> None:
        """Everything comes to its end; then all money, access and paper agree."""
        if self._world is None:
            return
        try:
            self.world.finish()
            held = self.world.books()
            held.check_end()
            held.check_coupon(COUPON, COUPON_LIMIT)
            self.world.check_nothing_waits()
        finally:
            self.world.close()


def test_any_story_ends_with_right_books(tmp_path: Path) -> None:
    class Told(Story):
        cast = asyncio.run(make_cast(tmp_path / "cast"))
        folder = tmp_path

    run_state_machine_as_test(
        Told,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
