"""Money: whole micro-dollars with a type of their own. Never a float."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

MICROS_PER_USD = 1_000_000


class Money(int):
    """An amount in micro-USD (1 USD = 1_000_000). Adds and subtracts as money; compares as a number."""

    __slots__ = ()

    @classmethod
    def usd(cls, amount: str | Decimal | int) -> Money:
        """From dollars written as text, `Decimal` or int; a float is refused.

        Raises `ValueError` when it is no number or finer than a micro-dollar.
        """
        if isinstance(amount, float):
            raise ValueError("money is never a float")
        try:
            micros = Decimal(amount) * MICROS_PER_USD
            whole = micros.to_integral_value(rounding=ROUND_HALF_EVEN)
        except (InvalidOperation, TypeError) as error:
            raise ValueError(f"{amount!r} is not an amount of money") from error
        if whole != micros:
            raise ValueError(f"{amount!r} is finer than a millionth of a dollar")
        return cls(int(whole))

    def __add__(self, other: int) -> Money:
        return Money(int(self) + int(other))

    __radd__ = __add__

    def __sub__(self, other: int) -> Money:
        return Money(int(self) - int(other))

    def __neg__(self) -> Money:
        return Money(-int(self))

    def __mul__(self, count: int) -> Money:
        return Money(int(self) * int(count))

    __rmul__ = __mul__

    def to_usd(self) -> str:
        """Dollars as plain decimal text with at least two places: `0.34`, `1.00`, `0.068`."""
        sign = "-" if self < 0 else ""
        dollars, micros = divmod(abs(int(self)), MICROS_PER_USD)
        places = f"{micros:06d}".rstrip("0").ljust(2, "0")
        return f"{sign}{dollars}.{places}"

    def __str__(self) -> str:
        return f"${self.to_usd()}" if self >= 0 else f"-${(-self).to_usd()}"

    def __repr__(self) -> str:
        return f"Money.usd({self.to_usd()!r})"


FREE = Money(0)
