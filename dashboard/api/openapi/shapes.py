"""The shapes of refusals, each told from the others by its fields."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"
SHAPES = {
    "KeyRefused": {"success", "message"},
    "Refused": {"success", "message", "errors"},
    "WrongCode": {"success", "message", "retriesLeft"},
    "TriesSpent": {"success", "message", "retriesLeft", "errors"},
    "NoRecipients": {"success", "message", "invalidRecipients", "errors"},
    "InsufficientBalance": {"success", "message", "details", "errors"},
}
SHAPE_FIELDS: dict[str, Json] = {
    "success": {"const": False, "description": "The call did not do what it was asked to.", "examples": [False]},
    "message": {"type": "string", "description": "For people; it may change.", "examples": ["Validation failed"]},
    "errors": {
        "type": "array",
        "items": {"$ref": REFERENCE.format(model="Problem")},
        "description": "One for each rule that was broken; may be empty.",
        "examples": [[]],
    },
    "retriesLeft": {
        "type": "integer",
        "minimum": 0,
        "maximum": 2,
        "description": "Tries that are left for this code.",
        "examples": [2],
    },
    "invalidRecipients": {
        "type": "array",
        "items": {"$ref": REFERENCE.format(model="InvalidRecipient")},
        "description": "The first 1,000 rows that broke a rule.",
        "examples": [[{"phone": "12345678", "reason": "phone_prefix"}]],
    },
    "details": {
        "type": "object",
        "description": "What all of it would have cost in MRU, and for how many texts.",
        "properties": {
            "requiredAmount": {
                "type": "number",
                "description": "In MRU, to four digits.",
                "examples": [0.64],
            },
            "validRecipients": {"type": "integer", "description": "Texts that could be sent.", "examples": [2]},
            "invalidRecipients": {
                "type": "integer",
                "description": "Rows of a batch that broke a rule.",
                "examples": [0],
            },
        },
        "required": ["requiredAmount", "validRecipients", "invalidRecipients"],
        "examples": [{"requiredAmount": 0.64, "validRecipients": 2, "invalidRecipients": 0}],
    },
}
SHAPE_TEXTS = {
    "KeyRefused": "Without a key that is good.",
    "Refused": "An error.",
    "WrongCode": "The code was judged and wrong.",
    "NoRecipients": "No row was good: nothing is sent.",
    "InsufficientBalance": "A budget has no room left for it: nothing is sent.",
    "TriesSpent": "Three tries were wrong: this one was not judged. Send a new code.",
}


def name_of(answer: Json) -> str:
    """The shape that an answer has."""
    return next(name for name, keys in SHAPES.items() if keys == set(answer))


def schemas() -> Json:
    """The schema of each shape, by name."""
    return {name: _schema(name, keys) for name, keys in SHAPES.items()}


def _schema(name: str, keys: set[str]) -> Json:
    fields = {field: part for field, part in SHAPE_FIELDS.items() if field in keys}
    return {
        "type": "object",
        "description": SHAPE_TEXTS[name],
        "properties": fields,
        "required": list(fields),
        "unevaluatedProperties": False,
    }
