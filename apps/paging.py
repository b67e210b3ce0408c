"""Paging of long lists in the admin: rows are counted up to a bound, and those that are passed over are never read."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

from apps.read_only import ReadOnly

MOST = 50_000  # rows that can be paged through; whoever looks for older ones filters


class BoundedPaginator(Paginator):
    """Counts at most ``MOST`` rows. A page is found by its keys alone; joined rows are read for what is shown."""

    template_name = "admin/pagination_bounded.html"

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @cached_property
    def more(self) -> bool:
        """Whether there are rows beyond those that can be paged through."""
        return self._counted > MOST

    def page(self, number: int | str) -> Page[Any]:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows: Any = self.object_list
        keys = list(rows.values_list("pk", flat=True)[first : min(first + self.per_page, self.count)])
        return self._get_page(rows.filter(pk__in=keys), number, self)  # type: ignore[attr-defined]  # not in the stubs

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return (
            rows.order_by().values("pk")[: MOST + 1].count()
        )  # the columns are not worked out for what is only counted


class LongList:
    """For a ``ModelAdmin`` whose table grows without end."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0


class LongReadOnly(LongList, ReadOnly):
    """A long list that shows and changes nothing."""
