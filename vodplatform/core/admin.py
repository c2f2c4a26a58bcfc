"""The audit log and the processes in the admin, and base classes of all admin pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest
from django.utils.text import smart_split
from unfold.admin import ModelAdmin as UnfoldModelAdmin  # noqa: TID251
from unfold.decorators import display

from vodplatform.core.errors import DomainError
from vodplatform.core.models import AuditEntry, RunningProcess
from vodplatform.core.pauses import PausedList
from vodplatform.core.records import audit, process_registry

MAX_REFUSALS = 10
LOOKUPS = frozenset({"exact", "isnull", "in", "gt", "gte", "lt", "lte", "date", "year", "month", "day"})
MAX_INLINE_FORMS = 100  # maximum number of forms of an inline in a request; its pages have at most as many rows
MAX_SEARCH_LETTERS, MAX_SEARCH_WORDS = 200, 10


class ModelAdmin(UnfoldModelAdmin):
    """The base of every ModelAdmin. It limits the lookups in the URL of an admin list, and the forms of inlines.

    Regular expressions are refused: SQLite runs them in this process, where ``(a+)+$`` blocks for minutes.
    """

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return _asks_little(self.model, lookup) and super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = list(smart_split(search_term[:MAX_SEARCH_LETTERS]))
        if len(search_term) > MAX_SEARCH_LETTERS or len(words) > MAX_SEARCH_WORDS:
            words = words[:MAX_SEARCH_WORDS]
            search_term = " ".join(words)
            sentence = f"The search text was too long and was shortened to “{search_term}”."
            self.message_user(request, sentence, messages.WARNING)
        return super().get_search_results(request, queryset, search_term)

    def get_formsets_with_inlines(self, request: HttpRequest, obj: Model | None = None) -> Iterator[tuple[Any, Any]]:
        """Limit the forms of each inline: by default, Django builds up to 2 000 blank forms if the request says so."""
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            formset.absolute_max = MAX_INLINE_FORMS
            yield formset, inline

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = PausedList(changelist.result_list)
        return changelist


def _asks_little(model: type[Model], lookup: str) -> bool:
    parts = lookup.split(LOOKUP_SEP)
    for index, part in enumerate(parts):
        try:
            field = model._meta.pk if part == "pk" else model._meta.get_field(part)
        except FieldDoesNotExist:
            # The first part of a lookup may be the parameter of a custom filter instead of a field, so accept it. If
            # no filter has this parameter, Django refuses the lookup.
            return index == 0 or LOOKUPS.issuperset(parts[index:])
        if field is None or not field.is_relation or field.related_model is None:
            return LOOKUPS.issuperset(parts[index + 1 :])
        model = field.related_model
    return True


class AuditedModelAdmin(ModelAdmin):
    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        names = list(form.changed_data)
        for formset in formsets or ():
            kind = formset.model._meta.model_name
            names += [f"{kind}.{name}" for _, fields in formset.changed_objects for name in fields]
            names += [f"{kind}.added" for _ in formset.new_objects]
            names += [f"{kind}.deleted" for _ in formset.deleted_objects]
        request.audited_fields = names  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        audit.record(f"{obj._meta.model_name}.added", actor=request.user, target=obj, by="admin")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        names = list(dict.fromkeys(getattr(request, "audited_fields", ())))
        if names or isinstance(message, str):
            note = {"note": message} if isinstance(message, str) else {"fields": names}
            audit.record(f"{obj._meta.model_name}.changed", actor=request.user, target=obj, by="admin", **note)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Model]) -> Any:
        for obj in queryset:
            audit.record(f"{obj._meta.model_name}.deleted", actor=request.user, target=obj, by="admin")
        return super().log_deletions(request, queryset)


class ReadOnlyMixin:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdminWithActions(ReadOnlyMixin, ModelAdmin):
    def each(self, request: HttpRequest, rows: Iterable[Any], do: Callable[[Any], object], done: str) -> None:
        count, refused = 0, []
        for row in rows:
            try:
                do(row)
                count += 1
            except DomainError as exc:
                refused.append(f"{row}: {exc.message}")
        if count:
            self.message_user(request, f"{count} {done}.", messages.SUCCESS)
        for sentence in refused[:MAX_REFUSALS]:
            self.message_user(request, sentence, messages.WARNING)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyMixin, ModelAdmin):
    list_display = ["at", "actor_name", "action", "target", "address"]
    list_filter = ["action", "target_type"]
    search_fields = ["actor_name", "target_name", "target_id", "address", "request_id"]
    date_hierarchy = "at"
    list_per_page = 50
    show_full_result_count = False
    actions = None

    @admin.display(description="target", ordering="target_name")
    def target(self, entry: AuditEntry) -> str:
        return " ".join(filter(None, (entry.target_type, entry.target_name))) or "–"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


@admin.register(RunningProcess)
class RunningProcessAdmin(ReadOnlyMixin, ModelAdmin):
    list_display = [
        "shown_state", "kind", "host", "pid", "version", "commit", "shown_queues", "shown_jobs", "started_at",
        "seen_at",
    ]  # fmt: skip
    list_filter = ["kind", "host", "version", "commit"]
    ordering = ["host", "kind", "pid"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunningProcess]:
        return process_registry.processes()

    @display(description="state", label={"running": "success", "gone": "danger"})
    def shown_state(self, process: Any) -> str:
        return "running" if process.is_present else "gone"

    @admin.display(description="queues")
    def shown_queues(self, process: RunningProcess) -> str:
        return ", ".join(process.queues) or "–"

    @admin.display(description="jobs")
    def shown_jobs(self, process: RunningProcess) -> str:
        return f"{process.jobs} of {process.max_jobs}" if process.max_jobs else "–"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)
