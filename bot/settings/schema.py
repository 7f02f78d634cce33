"""Every setting, its meaning, its unit and its default. `docs/reference/settings.md` and `.env.example` are made from it.

A field `limits.user_daily_usd` is `REELBOT_LIMITS__USER_DAILY_USD` in the environment and `user_daily_usd` under
`[limits]` in `reelbot.toml`. The defaults protect: loopback only, small budgets, no secrets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.money.amount import Money
from bot.settings.values import (
    AnyCase,
    CountLimit,
    DatabaseUrl,
    Names,
    SecretWebAddress,
    ShardRange,
    StoreUrl,
    Usd,
    UsdLimit,
    WebAddress,
    Zone,
)

PREFIX = "REELBOT_"


class Section(BaseModel):
    """A group of settings; unknown names in it are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProviderSettings(Section):
    """What every paid provider needs."""

    api_key: SecretStr | None = Field(None, description="Key of the account that pays. Without it the provider is off.")
    model: str | None = Field(None, description="Slug of the model to use when none is named.")
    webhook_secret: SecretStr | None = Field(
        None, description="What its webhooks are signed with; unset it is asked for, or made for each attempt."
    )
    catalogue: Path | None = Field(
        None, description="TOML file with further models, or with other prices for those Reelbot knows."
    )
    max_concurrent: int = Field(2, ge=1, description="Renders the account may have open at once.")
    creates_per_minute: int = Field(2, ge=1, description="Renders the account may start in any 60 seconds.")


class WaveSpeedSettings(ProviderSettings):
    """WaveSpeed."""

    base_url: WebAddress = Field("https://api.wavespeed.ai", description="Where the API is; may be a proxy of yours.")
    quote_path: Literal["auto", "price", "pricing", "table"] = Field(
        "auto", description="Which of the two documented paths tells prices; `table` uses our own list only."
    )
    upload: Literal["auto", "uploads", "binary", "own"] = Field(
        "auto", description="How pictures reach it; `own` gives links to our media address instead."
    )


class EachlabsSettings(ProviderSettings):
    """Eachlabs."""

    max_concurrent: int = Field(8, ge=1, description="Renders the account may have open at once.")
    creates_per_minute: int = Field(60, ge=1, description="Renders the account may start in any 60 seconds.")
    base_url: WebAddress = Field("https://api.eachlabs.ai/v1", description="Where the API is; may be a proxy of yours.")
    auth: Literal["x-api-key", "bearer"] = Field("x-api-key", description="Which header carries the key.")
    webhook_proof: Literal["auto", "secret-header", "hmac-timestamp", "hmac-body"] = Field(
        "auto", description="How a webhook proves where it comes from."
    )
    list_path: Literal["auto", "v1", "v2"] = Field("auto", description="Which version of the list of renders exists.")
    upload: Literal["auto", "presign", "own"] = Field(
        "auto", description="How pictures reach it; `own` gives links to our media address instead."
    )


class DiscordSettings(Section):
    """Discord."""

    token: SecretStr | None = Field(None, description="Bot token. Without it the Discord role is off.")
    api_url: WebAddress = Field("https://discord.com/api/v10", description="Where the API is.")
    guild_ids: Names = Field((), description="Servers that may spend, and have new commands at once, from the start.")
    client_id: str | None = Field(None, description="Of the application, for signing in to the web page with Discord.")
    client_secret: SecretStr | None = Field(None, description="Belongs to the client id.")
    shards: ShardRange | None = Field(
        None, description="Shards of this process and their number, like `0-3/16`; unset it is all Discord recommends."
    )


class SlackSettings(Section):
    """Slack."""

    bot_token: SecretStr | None = Field(None, description="Bot token, `xoxb-…`. Its workspace may spend.")
    app_token: SecretStr | None = Field(None, description="App token, `xapp-…`, for Socket Mode.")
    signing_secret: SecretStr | None = Field(None, description="Proves requests over HTTP.")
    client_id: str | None = Field(
        None, description="For installation into several workspaces, and signing in with Slack."
    )
    client_secret: SecretStr | None = Field(None, description="Belongs to the client id.")
    api_url: WebAddress = Field("https://slack.com/api", description="Where the API is.")

    @property
    def is_set_up(self) -> bool:
        """Whether there is a workspace to speak to, or workspaces may add the app."""
        return self.bot_token is not None or self.can_be_installed

    @property
    def can_be_installed(self) -> bool:
        """Whether workspaces may add the app by themselves."""
        return self.client_id is not None and self.client_secret is not None


class WebSettings(Section):
    """The web role: studio, API, webhooks, media links."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: WebAddress | None = Field(
        None, description="Where the world reaches us, through your reverse proxy. Webhooks need it."
    )
    admin_token: SecretStr | None = Field(
        None, min_length=16, description="Signs the operator in. Made at first start where it is needed and not set."
    )
    trusted_proxies: Names = Field((), description="Addresses or networks whose forwarding headers are believed.")
    sign_in: Names = Field(
        (), description="Chats whose people may sign in to the page: `slack`, `discord`. Needs the public URL."
    )
    sign_in_role: Literal["viewer", "member"] = Field(
        "viewer", description="What people who sign in through a chat may do, until an operator gives them more."
    )
    session_hours: int = Field(168, ge=1, le=8760, description="Hours after which people sign in to the page again.")
    max_upload_mb: int = Field(50, ge=1, le=1000, description="Largest request body, in MB.")


class LimitSettings(Section):
    """Limits where none is stored; `0` means none at all, `none` means no limit."""

    user_daily_jobs: CountLimit = Field(20, ge=0, description="Clips per person and day.")
    user_daily_usd: UsdLimit = Field(Money.usd(5), description="USD per person and day.")
    user_concurrent: int = Field(3, ge=1, description="Clips of one person rendered at once; more of them wait.")
    workspace_monthly_usd: UsdLimit = Field(Money.usd(100), description="USD per workspace and month.")
    installation_monthly_usd: UsdLimit = Field(Money.usd(200), description="USD per month, all together.")
    confirm_above_usd: Usd = Field(Money.usd(1), description="USD above which the person is asked before it is spent.")


class PollSettings(Section):
    """How often providers are asked."""

    fastest_seconds: float = Field(1.0, ge=0.05, le=60, description="Shortest time between two questions, in seconds.")


class RetentionSettings(Section):
    """How long things are kept; 0 is for ever."""

    inputs_days: int = Field(90, ge=0, le=36_500, description="Days a picture or sound is kept after its last use.")
    clips_days: int = Field(90, ge=0, le=36_500, description="Days a clip is kept after its last use.")
    prompts_days: int = Field(365, ge=0, le=36_500, description="Days the words of a job are kept.")


class DiskSettings(Section):
    """The disk the data lies on."""

    min_free_mb: int = Field(500, ge=0, description="While less than this is free, in MB, no new jobs are taken.")


class BackupSettings(Section):
    """Backups made by themselves, by the process that runs the engine."""

    every_hours: int = Field(24, ge=0, le=24 * 31, description="Hours between two backups; 0 makes none.")
    media: bool = Field(
        False, description="Whether they hold pictures and clips, too; without, the database alone is copied."
    )
    directory: Path | None = Field(
        None, description="Where they are put; unset it is `backups` in the data directory. Another disk is safer."
    )
    keep: int = Field(7, ge=1, description="How many of them are kept; older ones are removed.")


class AlertSettings(Section):
    """Where the operator is told what needs a person."""

    discord_channel: str | None = Field(None, description="Id of a Discord channel.")
    slack_channel: str | None = Field(None, description="Id of a Slack channel of the bot token's workspace.")
    webhook_url: SecretWebAddress | None = Field(
        None, description="Gets a JSON POST for each alert (docs/reference/alerts.md)."
    )


class MetricsSettings(Section):
    """Numbers for Prometheus, for processes without the role web; that one has them at `/metrics`."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; whoever can connect may read them.")
    port: int | None = Field(
        None, ge=0, le=65535, description="Port to listen on; unset there is none, 0 is a free one."
    )


class LogSettings(Section):
    """What is logged, to standard error."""

    format: Annotated[Literal["auto", "console", "json"], AnyCase] = Field(
        "auto", description="Shape of log lines; `auto` is console on a terminal and JSON elsewhere."
    )
    level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        "info", description="Least important lines to write."
    )


class Settings(BaseSettings):
    """All of it. Constructing it directly reads nothing from outside; `load_settings` does."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, env_prefix=PREFIX, env_nested_delimiter="__"
    )

    data_dir: Path = Field(
        description="Database, pictures and clips. Default `$XDG_DATA_HOME/reelbot`, else `~/.local/share/reelbot`."
    )
    database_url: DatabaseUrl | None = Field(
        None,
        description="Database; unset it is SQLite in the data directory. `postgresql://USER:PASSWORD@HOST/NAME` for many "
        "processes.",
    )
    engine: Literal["embedded", "procrastinate"] | None = Field(
        None, description="What runs the jobs; unset it follows the database."
    )
    default_provider: str | None = Field(
        None, description="Provider to use when none is named; unset it is the first one that is set up, else `local`."
    )
    timezone: Zone = Field("UTC", description="Where days and months begin, unless a workspace has its own.")
    secret_key: SecretStr | None = Field(
        None, description="Signs links and sessions; several, separated by commas, the first signs. Made when not set."
    )
    operators: Names = Field(
        (), description="People who operate this installation, like `discord:1:7` or `slack:T1:U2`."
    )
    allowed_workspaces: Names = Field(
        (), description="Workspaces that may spend from the start, like `slack:T1`; `*` is all."
    )
    media_url: StoreUrl | None = Field(
        None,
        description="Where pictures and clips are kept, the same for all processes: `file:///…`, `s3://…`, `gs://…` or "
        "`az://…`; unset it is `media` in the data directory.",
    )
    wavespeed: WaveSpeedSettings = WaveSpeedSettings()
    eachlabs: EachlabsSettings = EachlabsSettings()
    discord: DiscordSettings = DiscordSettings()
    slack: SlackSettings = SlackSettings()
    web: WebSettings = WebSettings()
    limits: LimitSettings = LimitSettings()
    poll: PollSettings = PollSettings()
    retention: RetentionSettings = RetentionSettings()
    disk: DiskSettings = DiskSettings()
    backup: BackupSettings = BackupSettings()
    alerts: AlertSettings = AlertSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    """Where each value came from, by environment name; what is missing here has its default."""

    def origin(self, name: str) -> str:
        """Where the value called `name` in the environment came from: `environment`, a file, … or `default`."""
        return self._origins.get(name, "default")

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # called by keyword; what we leave out goes to **_unused
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_unused: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed in: a test that builds `Settings` is not touched by its surroundings."""
        return (init_settings,)
