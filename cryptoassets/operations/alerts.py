"""The operation `alerts test`: sends one test message to every alert address.

What stays out: the alerts themselves (in `monitoring`).
"""

from dataclasses import dataclass

from cryptoassets.errors import SettingsError
from cryptoassets.monitoring.channels import channels
from cryptoassets.monitoring.messages import trial_message
from cryptoassets.settings import load_settings


@dataclass(frozen=True)
class Delivery:
    """The result of sending to one address; `problem` is None if the message was delivered."""

    address: str
    problem: str | None


def send_test_messages() -> list[Delivery]:
    """Send a test message to every address, and return the result for each.

    Raises:
        SettingsError: no address is set, an address cannot be used, or apprise is not installed.
    """
    settings = load_settings()
    if not settings.alert_urls:
        raise SettingsError(
            "CRYPTOASSETS_ALERT_URLS is not set, so there is no address to send to. Set it in the "
            "environment or in .env, e.g. to mailto://user:password@example.com"
        )
    message = trial_message(settings)
    return [Delivery(one.name, one.send(message)) for one in channels(settings.alert_urls)]
