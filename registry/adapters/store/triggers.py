"""The rules that the database holds by itself, a third time, as triggers on both databases.

A head never goes back (I1), a plan never changes (I6), is of its cell's epoch (I2) and is not
deleted while it is in use (I4), and no name loses its last endpoint by accident (I7).
"""

from __future__ import annotations

# A plan in use: the head's, a pinned one's, and the links that these are read by.
_IN_USE = (
    "EXISTS (SELECT 1 FROM (SELECT head_generation AS used FROM cells WHERE name = OLD.cell"
    " UNION ALL SELECT generation FROM pins WHERE cell = OLD.cell) AS u"
    " WHERE u.used >= OLD.generation AND OLD.generation >= COALESCE((SELECT MAX(b.generation)"
    " FROM plans b WHERE b.cell = OLD.cell AND b.base IS NOT NULL AND b.generation <= u.used), 0))"
)
_OUT_OF_EPOCH = "NEW.epoch <> (SELECT c.epoch FROM cells c WHERE c.name = NEW.cell)"
_NOT_HEALING = "NOT EXISTS (SELECT 1 FROM healings WHERE cell = OLD.cell)"
# The same table as at `served_name.is_emptied`. A tombstone must be the service's as well.
_EMPTIED = (
    "OLD.servable > 0 AND NEW.servable = 0 AND (NEW.asked = 0 OR (NEW.asked = 1 AND NOT EXISTS"
    " (SELECT 1 FROM services s WHERE s.namespace = OLD.namespace AND s.service = OLD.service"
    f" AND s.tombstone_ms IS NOT NULL))) AND {_NOT_HEALING}"
)
_VANISHED = f"OLD.servable > 0 AND {_NOT_HEALING}"

# Each is one statement. A frozen copy stands in the migration that made it.
SQLITE_TRIGGERS = (
    "CREATE TRIGGER cells_only_rise BEFORE UPDATE ON cells"
    " WHEN NEW.epoch < OLD.epoch OR NEW.head_generation < OLD.head_generation"
    " BEGIN SELECT RAISE(ABORT, 'a cell never goes back'); END",
    "CREATE TRIGGER plans_never_change BEFORE UPDATE ON plans"
    " BEGIN SELECT RAISE(ABORT, 'a plan never changes'); END",
    f"CREATE TRIGGER plans_in_epoch BEFORE INSERT ON plans WHEN {_OUT_OF_EPOCH}"
    " BEGIN SELECT RAISE(ABORT, 'a deposed leader publishes nothing'); END",
    f"CREATE TRIGGER plans_in_use BEFORE DELETE ON plans WHEN {_IN_USE}"
    " BEGIN SELECT RAISE(ABORT, 'a plan in use is not deleted'); END",
    f"CREATE TRIGGER names_never_empty BEFORE UPDATE ON names WHEN {_EMPTIED}"
    " BEGIN SELECT RAISE(ABORT, 'a name loses its last endpoint without a tombstone'); END",
    f"CREATE TRIGGER names_never_vanish BEFORE DELETE ON names WHEN {_VANISHED}"
    " BEGIN SELECT RAISE(ABORT, 'a name with endpoints vanishes without a tombstone'); END",
)
POSTGRESQL_TRIGGERS = (
    "CREATE FUNCTION sheetanchor_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = TG_ARGV[0]; END $$",
    "CREATE TRIGGER cells_only_rise BEFORE UPDATE ON cells FOR EACH ROW"
    " WHEN (NEW.epoch < OLD.epoch OR NEW.head_generation < OLD.head_generation)"
    " EXECUTE FUNCTION sheetanchor_refuse('a cell never goes back')",
    "CREATE TRIGGER plans_never_change BEFORE UPDATE ON plans FOR EACH ROW"
    " EXECUTE FUNCTION sheetanchor_refuse('a plan never changes')",
    *(
        statement
        for name, table, action, condition, result, message in (
            (
                "plans_in_epoch",
                "plans",
                "INSERT",
                _OUT_OF_EPOCH,
                "NEW",
                "a deposed leader publishes nothing",
            ),
            ("plans_in_use", "plans", "DELETE", _IN_USE, "OLD", "a plan in use is not deleted"),
            (
                "names_never_empty",
                "names",
                "UPDATE",
                _EMPTIED,
                "NEW",
                "a name loses its last endpoint without a tombstone",
            ),
            (
                "names_never_vanish",
                "names",
                "DELETE",
                _VANISHED,
                "OLD",
                "a name with endpoints vanishes without a tombstone",
            ),
        )
        for statement in (
            f"CREATE FUNCTION sheetanchor_{name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN IF {condition} THEN RAISE integrity_constraint_violation"
            f" USING MESSAGE = '{message}'; END IF; RETURN {result}; END $$",
            f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW"
            f" EXECUTE FUNCTION sheetanchor_{name}()",
        )
    ),
)
