"""Django admin of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from media_app.catalogue import moderation, services
from media_app.catalogue.models import CatalogueVideo, CrdtOperation, VideoReport
from media_app.videos import text_rules
from media_app.videos.media_urls import media_of, stream_url
from media_app.videos.models import Video, VideoQuerySet, VideoStatus
from media_app.videos.serializers import with_answer_data
from vodplatform.accounts.models import User
from vodplatform.core.admin import AuditedModelAdmin, ReadOnlyMixin
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import counted
from vodplatform.core.records import audit

MAX_REASON = 500
MAX_COUNTED = 999  # a tab shows "999+" for more videos
MAX_SHOWN = 160
# Filters of the video list for moderators.
QUEUES = {
    "new": Q(reviewed_at=None),
    "reported": Q(pk__in=VideoReport.objects.filter(settled_at=None).values("video")),
    "hidden": Q(is_hidden=True),
}
FORM_ONLY_FIELDS = ("reason", "version")
STATES = {
    "ready": "success", "failed": "danger", "processing": "info", "uploading": "warning", "hidden": "warning",
    "deleted": "danger",
}  # fmt: skip


def request_user(request: HttpRequest) -> User:
    return cast(User, request.user)


class ReasonForm(ActionForm):
    reason = forms.CharField(
        label="", required=False, max_length=MAX_REASON,
        widget=UnfoldAdminTextInputWidget(
            attrs={
                "placeholder": "Reason", "aria-label": "Reason", "style": "height: 30px; min-width: 0; flex: 0 1 20rem",
                # Let the browser demand a reason: an error from the server would clear the selection of rows.
                "required": True, "x-init": "$el.form.noValidate = false",
            }
        ),
    )  # fmt: skip


def queues_of(user: User) -> list[str]:
    return [*QUEUES, "deleted"] if user.is_admin else [*QUEUES]


class Queue(admin.SimpleListFilter):
    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.capitalize()) for name in queues_of(request_user(request))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Video]) -> QuerySet[Video]:
        if self.value() == "deleted":
            return queryset.exclude(deleted_at=None)
        return queryset.filter(QUEUES.get(self.value() or "", Q()), deleted_at=None)


def brief(text: str) -> SafeString | str:
    if not text:
        return "–"
    return format_html(
        '<span title="{}" style="display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; '
        'overflow: hidden; max-width: 24rem; white-space: normal; overflow-wrap: anywhere">{}</span>',
        text, Truncator(text).chars(MAX_SHOWN),
    )  # fmt: skip


def person(field: str, description: str) -> Callable[[Any, Any], str]:
    @admin.display(description=description, ordering=f"{field}__username")
    def name(self: Any, row: Any) -> str:
        return str(getattr(row, field) or "–")

    return name


class LinesField(forms.CharField):
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 5})

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class WordsForm(forms.ModelForm):
    title = forms.CharField(max_length=text_rules.MAX_TITLE, widget=UnfoldAdminTextInputWidget())
    description = LinesField(max_length=text_rules.MAX_DESCRIPTION, required=False, strip=False)
    category = forms.CharField(max_length=text_rules.MAX_CATEGORY, required=False, widget=UnfoldAdminTextInputWidget())
    tags = LinesField(required=False, help_text="One tag per line.")
    is_featured = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget())
    is_hidden = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget(), help_text="Hidden videos are visible to moderators only."
    )

    class Meta:
        model = CatalogueVideo
        fields: list[str] = []

    def clean_title(self) -> str:
        return str(_clean(text_rules.title, self.cleaned_data["title"]))

    def clean_description(self) -> str:
        return str(_clean(text_rules.description, self.cleaned_data["description"]))

    def clean_category(self) -> str:
        return str(_clean(text_rules.category, self.cleaned_data["category"]))

    def clean_tags(self) -> list[str]:
        return list(_clean(text_rules.tags, self.cleaned_data["tags"].splitlines()))


class CatalogueVideoForm(WordsForm):
    """Form of an existing video that detects edits by others since it was opened.

    The first save after another user's edit shows the current values as an error. Saving again overwrites them.
    """

    reason = forms.CharField(
        required=False, max_length=MAX_REASON, widget=UnfoldAdminTextInputWidget(),
        help_text="For the audit log. Required for hiding, publishing and featuring.",
    )  # fmt: skip
    version = forms.IntegerField(widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.video: Video = self.instance
        self.opened = {name: getattr(self.video, name) for name in (*services.MERGED_FIELDS, "is_hidden", "version")}
        self.initial.update(self.opened | {"tags": "\n".join(self.opened["tags"])})
        for name in (*services.MERGED_FIELDS, "is_hidden"):
            if name in self.fields:
                # Compare sent values with those that the form showed, because another user may have changed the video
                # since the form was opened.
                self.fields[name].show_hidden_initial = True

    @cached_property
    def changed_data(self) -> list[str]:
        return [name for name in super().changed_data if name not in FORM_ONLY_FIELDS]

    def clean_reason(self) -> str:
        return " ".join(self.cleaned_data["reason"].split())

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.video.deleted_at is not None:
            raise ValidationError("The video has been deleted; restore it first.")
        if {"is_hidden", "is_featured"} & set(self.changed_data) and data.get("reason") == "":
            self.add_error("reason", "Enter a reason.")
        if (
            "version" in data
            and data["version"] != self.opened["version"]
            and set(self.changed_data) & {*services.MERGED_FIELDS}
        ):
            data_now = cast(QueryDict, self.data).copy()
            data_now[self.add_prefix("version")] = str(self.opened["version"])
            self.data = data_now
            raise ValidationError(self._news())
        return data

    def _news(self) -> str:
        now = []
        for name in services.MERGED_FIELDS:
            field, text = self.fields[name], self.initial[name]
            shown = self.data.get(self.add_initial_prefix(name))
            if shown is not None and field.to_python(shown) != field.to_python(text):
                now.append(f"{self[name].label}: “{', '.join(text.splitlines()) if isinstance(text, str) else text}”")
        who = self.video.last_modified_by or "Somebody"
        return (
            f"{who} has changed the video since you opened it, so your changes were not saved. "
            f"Current values: {'; '.join(now) or 'unchanged'}. Save again to overwrite them."
        )

    def changes(self) -> dict[str, Any]:
        names = [name for name in self.changed_data if name in (*services.MERGED_FIELDS, "is_hidden")]
        return {name: self.cleaned_data[name] for name in names}


def _clean(clean: Callable[[Any], Any], value: Any) -> Any:
    try:
        return clean(value)
    except text_rules.InvalidText as exc:
        raise ValidationError(str(exc)) from exc


class ReportForm(forms.ModelForm):
    """Form that settles a report with an outcome; settled reports are read-only."""

    class Meta:
        model = VideoReport
        fields = ["outcome"]
        labels = {"settled_at": "closed at"}
        widgets = {
            "outcome": UnfoldAdminTextInputWidget(attrs={"placeholder": "Action taken", "style": "min-width: 12rem"})
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.settled_at is not None and "outcome" in self.fields:
            self.fields["outcome"].disabled = True

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        # Browsers do not send disabled fields, so a sent outcome is from a form that was opened before the settlement.
        sent = " ".join(self.data.get(self.add_prefix("outcome"), "").split())
        if self.instance.settled_at is not None and sent not in ("", self.instance.outcome):
            who = self.instance.settled_by or "Somebody"
            self.add_error("outcome", f"{who} has already closed this report; your outcome was not saved.")
        return data


class ReportInline(TabularInline):
    model = VideoReport
    form = ReportForm
    extra = 0
    can_delete = False
    per_page = 20  # type: ignore[assignment]
    tab = True
    hide_title = True
    show_count = True
    verbose_name_plural = "reports"
    fields = ["created_at", "reason", "text", "shown_reporter", "outcome", "settled_at", "shown_settler"]
    readonly_fields = ["created_at", "reason", "text", "shown_reporter", "settled_at", "shown_settler"]
    shown_reporter = person("reporter", "reporter")
    shown_settler = person("settled_by", "closed by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[VideoReport]:
        rows: QuerySet[VideoReport] = super().get_queryset(request)
        return rows.select_related("video", "reporter", "settled_by")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OperationInline(ReadOnlyMixin, TabularInline):
    model = CrdtOperation
    extra = 0
    can_delete = False
    per_page = 20  # type: ignore[assignment]
    tab = True
    hide_title = True
    verbose_name_plural = "operations"
    fields: Any = ["created_at", "operation_type", "value", "who", "actor", "timestamp"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[CrdtOperation]:
        rows: QuerySet[CrdtOperation] = super().get_queryset(request)
        name = Subquery(User.objects.filter(pk=OuterRef("writer")).values("username")[:1])
        return (
            rows.select_related("video")
            .annotate(writer_name=name)
            .order_by("-created_at", "-timestamp", "-actor", "-counter")
        )

    @admin.display(description="value")
    def value(self, operation: CrdtOperation) -> str:
        # If a client forges TOTAL_FORMS, Django adds blank operations, whose `operation_data` is empty.
        value = (operation.operation_data or {}).get("value", "–")
        return ", ".join(value) if isinstance(value, list) else str(value)

    @admin.display(description="by")
    def who(self, operation: CrdtOperation) -> str:
        return getattr(operation, "writer_name", None) or "–"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("editorial.view_cataloguevideo")


class ModeratedAdmin(AuditedModelAdmin):
    action_form = ReasonForm
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def settle_one(self, request: HttpRequest, report: VideoReport) -> None:
        outcome = report.outcome.strip()
        if outcome and not moderation.settle_report(report.pk, request_user(request), reason=outcome):
            self.message_user(request, f"{report}: another moderator has already closed this report.", messages.WARNING)

    def each(self, request: HttpRequest, rows: Iterable[Any], change: Callable[..., Any], done: str) -> None:
        """Call ``change(id, by, reason=…)`` for each selected row, then show errors and the number of changes."""
        reason = " ".join(request.POST.get("reason", "").split())[:MAX_REASON]
        if not reason:
            self.message_user(request, "Nothing was changed. Enter a reason next to the action.", messages.ERROR)
            return
        count = 0
        for row in rows:
            try:
                change(row.pk, request_user(request), reason=reason)
                count += 1
            except DomainError as exc:
                self.message_user(request, f"{row}: {exc.message}", messages.WARNING)
        changed = counted(count, str(self.opts.verbose_name))
        self.message_user(request, f"{changed} {done}.", messages.SUCCESS if count else messages.WARNING)


@admin.register(CatalogueVideo)
class CatalogueVideoAdmin(ModeratedAdmin):
    form = CatalogueVideoForm
    list_display = [
        "picture", "title", "shown_waiting", "shown_state", "shown_featured", "category", "view_count",
        "shown_modifier", "updated_at",
    ]  # fmt: skip
    list_display_links = ["picture", "title"]
    list_filter = [Queue, "status", "is_featured"]
    list_before_template = "admin/catalogue/queues.html"  # type: ignore[assignment]
    search_fields = ["title", "description", "category", "id"]
    show_full_result_count = False
    warn_unsaved_form = True
    inlines = [ReportInline, OperationInline]
    actions = ["publish", "hide", "feature", "unfeature", "settle_reports", "delete_videos", "restore_videos"]
    fieldsets = [
        (None, {"fields": ["player", "shown_state", "trouble"]}),
        (
            "Content and visibility",
            {"fields": ["title", "description", "category", "tags", "is_featured", "is_hidden", "reason", "version"]},
        ),
        (
            "Details",
            {
                "fields": [
                    "id", "shown_owner", "shown_modifier", "shown_version", "view_count", "duration", "location",
                    "file_size", "created_at", "updated_at", "reviewed_at", "deleted_at",
                ],
                "classes": ["collapse"],
            },
        ),
    ]  # fmt: skip
    readonly_fields = [
        "player", "shown_state", "trouble", "id", "shown_owner", "shown_modifier", "shown_version", "view_count",
        "duration", "location", "file_size", "created_at", "updated_at", "reviewed_at", "deleted_at",
    ]  # fmt: skip

    shown_owner = person("owner", "owner")
    shown_modifier = person("last_modified_by", "last modified by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Video]:
        rows = cast(VideoQuerySet, super().get_queryset(request)).in_catalogue(request_user(request))
        waiting = VideoReport.objects.filter(video=OuterRef("pk"), settled_at=None).order_by().values("video")
        # Use a subquery: a join would first count the reports of the complete catalogue.
        reports = Coalesce(Subquery(waiting.annotate(count=Count("pk")).values("count")), 0)
        return with_answer_data(rows).select_related("job", "last_modified_by", "owner").annotate(open_reports=reports)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("editorial.add_cataloguevideo")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **({} if change else {"form": WordsForm}), **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return [] if obj is None else super().get_inlines(request, obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        if "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        self.message_user(request, f"“{obj}” has been added to the catalogue. Upload its file here.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("catalogue-edit", args=[obj.pk]))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return []
        words_too = ["title", "description", "category", "tags", "is_featured", "is_hidden"]
        return (
            [*self.readonly_fields, *words_too]
            if not self.has_change_permission(request, obj)
            else self.readonly_fields
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["title", "description", "category", "tags", "is_featured", "is_hidden"]})]
        found = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            return found
        return [
            (name, {**options, "fields": [field for field in options["fields"] if field not in FORM_ONLY_FIELDS]})
            for name, options in found
        ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.deleted_at is None)

    def has_destroy_permission(self, request: HttpRequest) -> bool:
        return request_user(request).is_admin

    @admin.display(description="")
    def picture(self, video: Video) -> SafeString | str:
        url = media_of(video)["thumbnail_url"]
        if not url:
            return "–"
        return format_html(
            '<img src="{}" alt="" width="96" height="54" loading="lazy" '
            'style="width: 96px; min-width: 96px; height: 54px; object-fit: cover; border-radius: 4px">',
            url,
        )

    @display(description="state", label=STATES)
    def shown_state(self, video: Video) -> str:
        if video.deleted_at is not None:
            return "deleted"
        return "hidden" if video.is_hidden and video.state == VideoStatus.READY else video.state

    @display(description="featured", ordering="is_featured", label={"featured": "primary"})
    def shown_featured(self, video: Video) -> str:
        return "featured" if video.is_featured else ""

    @display(description="to review", ordering="open_reports", label={"new": "info", "reported": "danger"})
    def shown_waiting(self, video: Video) -> tuple[str, str] | str:
        if count := video.open_reports:  # type: ignore[attr-defined]
            return "reported", counted(count, "report")
        return "new" if video.reviewed_at is None else ""

    @admin.display(description="error")
    def trouble(self, video: Video) -> str:
        return video.error_message or "–"

    @admin.display(description="version")
    def shown_version(self, video: Video) -> int:
        return video.version

    @admin.display(description="video")
    def player(self, video: Video) -> SafeString | str:
        has_file = bool(video.location) and not video.location.endswith("/") and video.deleted_at is None
        if not has_file or video.state in (VideoStatus.UPLOADING, VideoStatus.FAILED):
            return "There is no video to play."
        # Stream through this server: the admin's pages load nothing from S3.
        return format_html(
            '<video controls preload="metadata" src="{}&amp;proxy=1" poster="{}" aria-label="{}" '
            'style="width: 100%; max-width: 640px; aspect-ratio: 16 / 9; background: #000"></video>',
            stream_url(video), media_of(video)["thumbnail_url"] or "", video.title,
        )  # fmt: skip

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        more: dict[str, Any] = {**(extra_context or {}), "queues": self.queues(request)}
        return super().changelist_view(request, more)

    def queues(self, request: HttpRequest) -> list[dict[str, Any]]:
        user, chosen = request_user(request), request.GET.get(Queue.parameter_name, "")
        rows, found = Video.objects.in_catalogue(user).filter(deleted_at=None).order_by(), []
        for name in ["", *queues_of(user)]:
            count = rows.filter(QUEUES[name])[: MAX_COUNTED + 1].count() if name in ("new", "reported") else 0
            found.append({
                "title": name.capitalize() or "All",
                "address": f"?{Queue.parameter_name}={name}" if name else ".",
                "is_chosen": chosen == name,
                "waiting": f"{MAX_COUNTED}+" if count > MAX_COUNTED else count,
                "variant": "danger" if name == "reported" else "info",
            })  # fmt: skip
        return found

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as exc:
            self.message_user(request, exc.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            made = services.create(request_user(request), form.cleaned_data)
            obj.pk, obj.title = made.pk, made.title
            return
        by, changes, reason = request_user(request), form.changes(), form.cleaned_data["reason"]
        decided = {name: changes.pop(name) for name in ("is_hidden", "is_featured") if name in changes}
        if changes:
            services.edit(obj.pk, changes, by, version=form.cleaned_data["version"])
            if reason:
                audit.record("video.edit", actor=by, target=obj, fields=[*changes], reason=reason)
        if "is_hidden" in decided:
            (moderation.hide if decided["is_hidden"] else moderation.publish)(obj.pk, by, reason=reason)
        if "is_featured" in decided:
            (moderation.feature if decided["is_featured"] else moderation.unfeature)(obj.pk, by, reason=reason)
        moderation.mark_reviewed(obj.pk, by, reason=reason)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        for report, _ in formset.changed_objects:
            self.settle_one(request, report)

    @admin.action(description="Publish (visible to everyone)", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        self.each(request, queryset, moderation.publish, "published")

    @admin.action(description="Hide", permissions=["change"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        self.each(request, queryset, moderation.hide, "hidden")

    @admin.action(description="Feature", permissions=["change"])
    def feature(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        self.each(request, queryset, moderation.feature, "featured")

    @admin.action(description="Remove from featured", permissions=["change"])
    def unfeature(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        self.each(request, queryset, moderation.unfeature, "no longer featured")

    @admin.action(description="Close the reports (the reason is saved as the outcome)", permissions=["change"])
    def settle_reports(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        self.each(request, queryset, moderation.settle, "now without open reports")

    @admin.action(description="Delete", permissions=["destroy"])
    def delete_videos(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        self.each(request, queryset, moderation.delete, "moved to the “Deleted” queue")

    @admin.action(description="Restore", permissions=["destroy"])
    def restore_videos(self, request: HttpRequest, queryset: QuerySet[Video]) -> None:
        self.each(request, queryset, services.restore, "restored")


class SettledFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("settled", "Closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[VideoReport]) -> QuerySet[VideoReport]:
        chosen = {"open": Q(settled_at=None), "settled": ~Q(settled_at=None)}
        return queryset.filter(chosen.get(self.value() or "", Q()))


class SettlingForm(ReportForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "outcome" in self.fields:
            self.fields["outcome"].required = True


@admin.register(VideoReport)
class VideoReportAdmin(ModeratedAdmin):
    form = SettlingForm
    list_display = [
        "created_at", "shown_video", "shown_reason", "shown_text", "shown_reporter", "shown_state", "shown_outcome",
        "shown_settler",
    ]  # fmt: skip
    list_filter = [SettledFilter, "reason"]
    list_select_related = ["video", "reporter", "settled_by"]
    search_fields = ["video__title", "text", "outcome"]
    date_hierarchy = "created_at"
    show_full_result_count = False
    actions = ["settle"]
    fields = ["shown_video", "shown_reporter", "created_at", "reason", "text", "outcome", "settled_at", "shown_settler"]
    readonly_fields = ["shown_video", "shown_reporter", "created_at", "reason", "text", "settled_at", "shown_settler"]
    shown_reporter = person("reporter", "reporter")
    shown_settler = person("settled_by", "closed by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[VideoReport]:
        rows: QuerySet[VideoReport] = super().get_queryset(request)
        return rows.filter(video__in=Video.objects.in_catalogue(request_user(request)))

    @admin.display(description="video", ordering="video__title")
    def shown_video(self, report: VideoReport) -> SafeString:
        address = reverse("admin:editorial_cataloguevideo_change", args=[report.video_id])
        return format_html('<a href="{}" class="text-link">{}</a>', address, brief(report.video.title))

    @admin.display(description="reason", ordering="reason")
    def shown_reason(self, report: VideoReport) -> str:
        return str(report.get_reason_display())

    @admin.display(description="text")
    def shown_text(self, report: VideoReport) -> SafeString | str:
        return brief(report.text)

    @display(description="state", label={"open": "warning", "closed": "success"})
    def shown_state(self, report: VideoReport) -> str:
        return "open" if report.settled_at is None else "closed"

    @admin.display(description="outcome")
    def shown_outcome(self, report: VideoReport) -> SafeString | str:
        return brief(report.outcome)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        self.settle_one(request, obj)

    @admin.action(description="Close (the reason is saved as the outcome)", permissions=["change"])
    def settle(self, request: HttpRequest, queryset: QuerySet[VideoReport]) -> None:
        self.each(request, queryset, moderation.settle_report, "closed")
