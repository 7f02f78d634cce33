"""Where settings come from, which wins, and what is said when they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigurationError
from bot.money.amount import Money
from bot.settings import Settings, describe, load_settings
from bot.settings.describe import MASK, secrets
from bot.settings.names import all_settings

TOKEN = "REELBOT_WEB__ADMIN_TOKEN"


def load(tmp_path, environ=None, flags=None):
    return load_settings(flags, {"HOME": str(tmp_path / "home"), **(environ or {})}, tmp_path)


def source_of(settings, name):
    return next(line["source"] for line in describe(settings) if line["name"] == name)


def test_without_any_settings_the_defaults_protect(tmp_path):
    settings = load(tmp_path)

    assert settings.web.host == "127.0.0.1"
    assert settings.limits.user_daily_jobs == 20
    assert settings.limits.user_daily_usd == Money.usd(5)
    assert settings.limits.workspace_monthly_usd == Money.usd(100)
    assert settings.limits.installation_monthly_usd == Money.usd(200)
    assert settings.limits.confirm_above_usd == Money.usd(1)
    assert settings.database_url is None
    assert settings.data_dir == tmp_path / "home/.local/share/reelbot"


def test_the_data_directory_follows_xdg(tmp_path):
    assert load(tmp_path, {"XDG_DATA_HOME": "/srv/data"}).data_dir == Path("/srv/data/reelbot")
    assert load(tmp_path, {"XDG_DATA_HOME": "relative"}).data_dir == tmp_path / "home/.local/share/reelbot"


def test_a_relative_data_directory_is_taken_from_where_we_are(tmp_path):
    assert load(tmp_path, {"REELBOT_DATA_DIR": "here"}).data_dir == tmp_path / "here"


def test_flag_beats_environment_beats_secret_file_beats_dotenv_beats_toml(tmp_path):
    """Each layer is taken away in turn, and the next one shows."""
    (tmp_path / "reelbot.toml").write_text('[web]\nadmin_token = "from-toml-from-toml"\n')
    (tmp_path / ".env").write_text(f"{TOKEN}=from-dotenv-dotenv\nUNRELATED=1\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/reelbot.toml").write_text('[web]\nadmin_token = "from-data-dir-toml"\nport = 9\n')
    environ = {TOKEN: "from-environment-x", "REELBOT_DATA_DIR": str(tmp_path / "data")}

    def token(environ=environ, flags=None):
        settings = load(tmp_path, environ, flags)
        return settings.web.admin_token.get_secret_value(), source_of(settings, TOKEN)

    assert token(flags={"web.admin_token": "from-a-flag-a-flag"}) == ("from-a-flag-a-flag", "flag")
    assert token() == ("from-environment-x", "environment")
    del environ[TOKEN]
    assert token() == ("from-dotenv-dotenv", ".env")
    (tmp_path / ".env").unlink()
    (tmp_path / "secret").write_text("from-a-file-a-file\n")
    assert token({**environ, f"{TOKEN}_FILE": str(tmp_path / "secret")}) == (
        "from-a-file-a-file",
        f"file {tmp_path / 'secret'}",
    )
    assert token() == ("from-toml-from-toml", str(tmp_path / "reelbot.toml"))
    (tmp_path / "reelbot.toml").unlink()
    assert token() == ("from-data-dir-toml", str(tmp_path / "data/reelbot.toml"))
    assert load(tmp_path, environ).web.port == 9


def test_well_known_names_count_where_nothing_else_is_said(tmp_path):
    settings = load(
        tmp_path, {"DISCORD_TOKEN": "theirs", "WAVESPEED_API_KEY": "w", "REELBOT_WAVESPEED__API_KEY": "ours"}
    )

    assert settings.discord.token.get_secret_value() == "theirs"
    assert source_of(settings, "REELBOT_DISCORD__TOKEN") == "DISCORD_TOKEN (environment)"
    assert settings.wavespeed.api_key.get_secret_value() == "ours"


def test_flags_may_be_dotted_or_nested_and_those_not_given_do_not_count(tmp_path):
    assert load(tmp_path, flags={"web.port": 9}).web.port == 9
    assert load(tmp_path, flags={"web": {"port": 9, "host": None}, "timezone": None}).web.port == 9
    with pytest.raises(ConfigurationError, match="There is no setting REELBOT_WEB__PROT; did you mean"):
        load(tmp_path, flags={"web.prot": 9})


def test_an_empty_variable_says_nothing(tmp_path):
    assert load(tmp_path, {"REELBOT_WEB__PORT": " "}).web.port == 8080


def test_lists_and_limits_are_read_from_text(tmp_path):
    settings = load(
        tmp_path,
        {
            "REELBOT_OPERATORS": "discord:1:7, slack:T1:U2,",
            "REELBOT_DISCORD__GUILD_IDS": "123",
            "REELBOT_LIMITS__USER_DAILY_JOBS": "none",
            "REELBOT_LIMITS__USER_DAILY_USD": "0",
            "REELBOT_LIMITS__CONFIRM_ABOVE_USD": "$0.5",
            "REELBOT_LOG__LEVEL": "DEBUG",
        },
    )

    assert settings.operators == ("discord:1:7", "slack:T1:U2")
    assert settings.discord.guild_ids == ("123",)
    assert settings.limits.user_daily_jobs is None
    assert settings.limits.user_daily_usd == 0
    assert settings.limits.confirm_above_usd == Money.usd("0.50")
    assert settings.log.level == "debug"


def test_toml_may_write_numbers_and_lists(tmp_path):
    (tmp_path / "reelbot.toml").write_text(
        'allowed_workspaces = ["slack:T1"]\n[limits]\nuser_daily_usd = 0.1\nworkspace_monthly_usd = "none"\n'
        "[discord]\nguild_ids = [1, 2]\n"
    )

    settings = load(tmp_path)

    assert settings.limits.user_daily_usd == Money.usd("0.10")
    assert settings.limits.workspace_monthly_usd is None
    assert settings.allowed_workspaces == ("slack:T1",)
    assert settings.discord.guild_ids == ("1", "2")


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (
            {"REELBOT_WEB__PROT": "1"},
            "There is no setting REELBOT_WEB__PROT (environment); did you mean REELBOT_WEB__PORT?",
        ),
        ({"REELBOT_QQQQQQ": "1"}, "There is no setting REELBOT_QQQQQQ (environment)."),
        ({"REELBOT_WEB__PORT": "abc"}, "REELBOT_WEB__PORT (environment): should be a valid integer"),
        ({"REELBOT_WEB__PORT": "70000"}, "REELBOT_WEB__PORT (environment): should be less than or equal to 65535"),
        ({"REELBOT_TIMEZONE": "Mars/Olympus"}, "REELBOT_TIMEZONE (environment): is not a time zone"),
        ({"REELBOT_TIMEZONE": "../../etc"}, "REELBOT_TIMEZONE (environment): is not a time zone"),
        ({"REELBOT_LIMITS__USER_DAILY_USD": "lots"}, "REELBOT_LIMITS__USER_DAILY_USD (environment): must be an amount"),
        (
            {"REELBOT_LIMITS__USER_DAILY_USD": "-1"},
            "REELBOT_LIMITS__USER_DAILY_USD (environment): must not be negative",
        ),
        ({"REELBOT_LIMITS__USER_DAILY_USD": "NaN"}, "REELBOT_LIMITS__USER_DAILY_USD (environment): must be an amount"),
        ({"REELBOT_LIMITS__USER_DAILY_JOBS": "-1"}, "REELBOT_LIMITS__USER_DAILY_JOBS (environment): should be greater"),
        ({"REELBOT_WEB__PUBLIC_URL": "example.org"}, "REELBOT_WEB__PUBLIC_URL (environment): must be an address"),
        ({"REELBOT_WEB__PUBLIC_URL": "https://x:99999"}, "REELBOT_WEB__PUBLIC_URL (environment): must be an address"),
        ({"REELBOT_DATABASE_URL": "mysql://x"}, "REELBOT_DATABASE_URL (environment): must begin with sqlite:///"),
        ({"REELBOT_LOG__LEVEL": "loud"}, "REELBOT_LOG__LEVEL (environment): should be 'debug', 'info'"),
        ({"REELBOT_WEB__HOST_FILE": "/x"}, "REELBOT_WEB__HOST_FILE (environment): only secrets are read from files"),
        (
            {f"{TOKEN}_FILE": "/nowhere/at/all"},
            f"{TOKEN}_FILE names /nowhere/at/all, which cannot be read: No such file",
        ),
        ({f"{TOKEN}_FILE": "/", TOKEN: "x" * 20}, f"{TOKEN} and {TOKEN}_FILE are both set (environment)"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence_with_exit_code_78(tmp_path, environ, sentence):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, environ)

    assert str(caught.value).startswith(sentence)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("file", [".env", "reelbot.toml"])
def test_files_that_cannot_be_read_are_named(tmp_path, file):
    (tmp_path / file).write_bytes(b"\xff\xfe = [")

    with pytest.raises(ConfigurationError, match=file):
        load(tmp_path)


def test_misspelt_names_in_files_are_named_too(tmp_path):
    (tmp_path / ".env").write_text("REELBOT_WEB__PROT=1\n")
    with pytest.raises(ConfigurationError, match=r"\(\.env\); did you mean REELBOT_WEB__PORT"):
        load(tmp_path)

    (tmp_path / ".env").unlink()
    (tmp_path / "reelbot.toml").write_text("[web]\nprot = 1\n")
    with pytest.raises(ConfigurationError, match=r"sets web\.prot, which is no setting; did you mean"):
        load(tmp_path)


def test_a_secret_set_in_the_environment_and_by_a_file_of_dotenv_is_an_error(tmp_path):
    (tmp_path / ".env").write_text(f"{TOKEN}_FILE=/run/secrets/x\n")

    with pytest.raises(ConfigurationError, match="are both set"):
        load(tmp_path, {TOKEN: "x" * 20})


def test_no_secret_is_part_of_a_message(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, {TOKEN: "hunter2", "REELBOT_DATABASE_URL": "mysql://u:hunter2@h/db"})

    assert "hunter2" not in str(caught.value)


def test_variables_that_kubernetes_writes_for_a_service_called_reelbot_are_not_settings(tmp_path):
    load(tmp_path, {"REELBOT_PORT": "tcp://1", "REELBOT_SERVICE_HOST": "x", "REELBOT_PORT_8080_TCP_ADDR": "y"})


def test_describe_masks_every_secret_and_reads_back(tmp_path):
    environ = {
        name: "postgresql://u:topsecret@h/db" if "DATABASE" in name else "https://x/topsecret"
        for name, setting in all_settings().items()
        if setting.is_secret
    }
    settings = load(tmp_path, environ)
    lines = describe(settings)

    assert [line["name"] for line in lines] == list(all_settings())
    assert "topsecret" not in repr(lines) + repr(settings) + str(settings)
    assert all(line["value"] == MASK for line in lines if line["name"] in environ)
    assert len(secrets(settings)) == len(environ)
    plain = {line["name"]: line["value"] for line in lines if line["value"] and line["name"] not in environ}
    assert describe(load(tmp_path, {**environ, **plain}))[0]["value"] == lines[0]["value"]


def test_several_secret_keys_are_each_secret(tmp_path):
    assert secrets(load(tmp_path, {"REELBOT_SECRET_KEY": "one, two"})) == ["one, two", "one", "two"]


def test_settings_built_by_hand_read_nothing_from_outside(monkeypatch, tmp_path):
    monkeypatch.setenv("REELBOT_WEB__PORT", "9")

    assert Settings(data_dir=tmp_path).web.port == 8080


def test_settings_do_not_change():
    settings = Settings(data_dir=Path("x"))

    with pytest.raises(ValueError, match="frozen"):
        settings.timezone = "UTC"
