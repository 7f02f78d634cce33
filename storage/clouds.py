"""What clouds are set up by, and what is wrong with them in one clause: the words of `storage.buckets`.

Nothing here repeats what a cloud or obstore said, except a code of the documented kind like `AccessDenied`.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from bot.errors import ConfigurationError

OBJECT_STORES = ("s3", "gs", "az", "memory")
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_NO_SPACES = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"),
    "gs": ("GOOGLE_BEARER_TOKEN",),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"),
}
KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    "memory": "",
}
_ALLOW_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_CODE = re.compile(r"<Code>(\w+)</Code>|\(code: (\w+)\)")
_MACHINES_ROLE = re.compile(
    r"//169\.254\.|/latest/|computeMetadata|/metadata/identity|token request|credential", re.IGNORECASE
)
"""Where obstore asks when it was given no keys."""
_SILENT = "it does not answer"
_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_BAD_KEYS = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired",
    "AuthenticationFailed", "AuthenticationRequired", "InvalidAuthenticationInfo", "InvalidSecurity",
}  # fmt: skip
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}


def may_speak_http(scheme: str) -> bool:
    """Where the store's address is one of this machine, so that nobody else listens in; and where the operator says so."""
    if os.environ.get(_ALLOW_HTTP.get(scheme, ""), "").strip().lower() in {"1", "true", "yes", "on"}:
        return True
    return any(urlsplit(os.environ.get(name, "")).hostname in _LOOPBACK for name in _ENDPOINTS[scheme])


def require_clean(scheme: str) -> None:
    """Refuse values that obstore would end the thread over, as a key with the newline of the file it came from."""
    for name in _NO_SPACES[scheme]:
        if re.search(r"[\s\x00-\x1f]", os.environ.get(name, "")):
            raise ConfigurationError(f"{name} has a space or a line break in it; remove that.")
    for name in _ENDPOINTS[scheme]:
        value = os.environ.get(name)
        if value is not None and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", value):
            raise ConfigurationError(f"{name} must be an address like https://s3.example.net, and nothing more.")


def noun(scheme: str) -> str:
    """What a vendor calls the place."""
    return "container" if scheme == "az" else "bucket"


def unopened(text: str, scheme: str) -> str:
    """Why a store could not even be set up."""
    if "Account must be specified" in text:
        return "set AZURE_STORAGE_ACCOUNT_NAME"
    if "Invalid Access Key" in text:
        return "the value of AZURE_STORAGE_ACCOUNT_KEY is no key"
    if "service account" in text or "credentials" in text.lower():
        return f"the file that {KEYS[scheme]} names cannot be read, or is no key file"
    return f"one of the variables it is set up by has a value it cannot have ({KEYS[scheme]}, …)"


def trouble(error: BaseException, scheme: str, name: str) -> str:
    """What is wrong and what to do, in one clause without a secret."""
    text = str(error).partition("Debug source:")[0]
    found = _CODE.search(text)
    code = (found[1] or found[2]) if found else ""
    told = f" ({code})" if code else ""
    if code in _NO_BUCKET or (isinstance(error, FileNotFoundError) and not code):
        return f"there is no {noun(scheme)} {name}; make it, or correct REELBOT_MEDIA_URL"
    if "RequestTimeTooSkewed" in code:
        return "this machine's clock is wrong; set it (RequestTimeTooSkewed)"
    if code in _ELSEWHERE or " 301 " in text:
        return f"the {noun(scheme)} lies in another region or at another address; set AWS_REGION{told}"
    if not code and _MACHINES_ROLE.search(text):
        return f"no credentials were found; set {KEYS[scheme]}, or give this machine a role"
    if code in _BAD_KEYS or " 401 " in text:
        return f"the store does not accept the keys in {KEYS[scheme]}{told}"
    if " 403 " in text:
        return f"these keys may not do this; give them the rights that the documentation lists{told}"
    if "InvalidCertificate" in str(error):
        return "its certificate is signed by nobody this machine trusts; name a file of authorities in SSL_CERT_FILE"
    if "builder error" in text:
        return f"its address is plain http; use https, or set {_ALLOW_HTTP[scheme]}=true where nobody can listen in"
    status = re.search(r"status code: (\d{3})", text)
    if status:
        return f"it answers with {status[1]}{told}"
    return f"{_SILENT}; look at its address and at the network"


def is_passing(why: str) -> bool:
    """Whether what `trouble` said may be over by itself: no answer at all, or one of a server in trouble."""
    return why.startswith((_SILENT, "it answers with 5", "it answers with 429"))
