"""Query of the table of operator actions."""

from __future__ import annotations

from dashboard.data.query import Query

NEWEST = Query(
    "audit.newest",
    "The newest actions taken through the pages: who, what, and how it ended.",
    """
SELECT min(acted_at) AS acted_at, any_value(actor) AS actor, any_value(action) AS action, any_value(target) AS target,
       coalesce(max(outcome) FILTER (WHERE outcome <> 'requested'), 'requested') AS outcome,
       max(detail) FILTER (WHERE outcome = 'requested') AS announced,
       max(detail) FILTER (WHERE outcome <> 'requested') AS came_of_it
FROM (SELECT * FROM audit_events ORDER BY acted_at DESC LIMIT 200)
GROUP BY action_id
ORDER BY acted_at DESC
LIMIT 50
""",
)
