"""Reads MongoDB's query plans."""

from collections.abc import Iterator, Mapping

from academy.infrastructure.database.base import Plan

ID_INDEX = "_id_"
# Stages that look a document up by its id (IDHACK up to MongoDB 7, EXPRESS since 8); they name no index.
ID_STAGES = frozenset({"IDHACK", "EXPRESS_IXSCAN", "EXPRESS_CLUSTERED_IXSCAN"})
WHOLE_INDEX = (["[MinKey, MaxKey]"], ["[MaxKey, MinKey]"])


def read_plan(explanation: Mapping[str, object], *, narrows: bool) -> Plan:
    """Returns the door's plan for the answer of the `explain` command.

    Args:
        explanation: what the server answers.
        narrows: whether the query asks for less than the whole collection; an index that is walked from end to end
            then serves only its order.
    """
    planner = explanation.get("queryPlanner")
    winner = planner.get("winningPlan") if isinstance(planner, Mapping) else None
    stages = list(_stages(winner))
    names: list[str] = []
    for stage in stages:
        kind = stage.get("stage")
        name = stage.get("indexName", ID_INDEX if kind in ID_STAGES else None)
        if name is not None:
            label = "_id" if name == ID_INDEX else str(name)
            names += [label] if label not in names else []
    return Plan(
        indexes=tuple(names),
        scans_collection=any(
            stage.get("stage") == "COLLSCAN" or (narrows and _walks_whole_index(stage)) for stage in stages
        ),
        sorts_in_memory=any(stage.get("stage") == "SORT" for stage in stages),
    )


def _walks_whole_index(stage: Mapping[str, object]) -> bool:
    bounds = stage.get("indexBounds")
    if not isinstance(bounds, Mapping) or stage.get("isPartial"):
        return False
    return next(iter(bounds.values()), None) in WHOLE_INDEX


def _stages(part: object) -> Iterator[Mapping[str, object]]:
    """Gives every stage of a plan, outermost first, through whatever nests them."""
    if isinstance(part, Mapping):
        if "stage" in part:
            yield part
        for name, value in part.items():
            # The engine of newer servers shows its own program beside the plan.
            if name != "slotBasedPlan":
                yield from _stages(value)
    elif isinstance(part, list):
        for value in part:
            yield from _stages(value)
