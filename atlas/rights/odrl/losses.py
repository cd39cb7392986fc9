"""What a policy says and license terms cannot: each with its JSON path, its reason, and how much hangs on it."""

from enum import StrEnum

import msgspec

from atlas.rights.errors import RightsError, UnsupportedPolicy
from atlas.rights.odrl.syntax import ANNOTATIONS, Others


class Weight(StrEnum):
    """What the loss of a part means."""

    NOTE = "note"  # it limits nothing, or what is read permits less
    NAME = "name"  # a party or an asset without a name here: the terms stand, nobody is granted them
    LIMIT = "limit"  # without it the policy would permit more than it does: nothing is read as a permit


class Loss(msgspec.Struct, frozen=True):
    """One part that is not represented."""

    path: str
    reason: str
    weight: Weight = Weight.LIMIT
    error: type[RightsError] = UnsupportedPolicy
    hint: str = ""


class Losses:
    """Collects the losses of one reading."""

    def __init__(self) -> None:
        self._found: list[Loss] = []

    def limit(self, path: str, reason: str, error: type[RightsError] = UnsupportedPolicy, hint: str = "") -> None:
        """Something that limits the policy could not be read."""
        self._found.append(Loss(path, reason, Weight.LIMIT, error, hint))

    def name(self, path: str, reason: str, hint: str = "") -> None:
        """A party or an asset has no name here."""
        self._found.append(Loss(path, reason, Weight.NAME, hint=hint))

    def note(self, path: str, reason: str) -> None:
        """Something that limits nothing was left out."""
        self._found.append(Loss(path, reason, Weight.NOTE))

    def others(self, others: Others) -> None:
        """Properties that nothing is known of may limit what they stand in; descriptions do not."""
        for key, values in others.items():
            for value in values:
                if key in ANNOTATIONS:
                    self.note(value.path, "a description is not part of the terms")
                else:
                    self.limit(value.path, f"the property {key[:200]} is not known here")

    @property
    def found(self) -> tuple[Loss, ...]:
        """All of them, in the order of the reading."""
        return tuple(self._found)

    def weigh(self, *weights: Weight) -> bool:
        """Whether one of them has one of these weights."""
        return any(loss.weight in weights for loss in self._found)
