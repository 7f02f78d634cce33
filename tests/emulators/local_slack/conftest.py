from tests.emulators.local_slack.fixtures import local_slack

__all__ = ["local_slack"]
