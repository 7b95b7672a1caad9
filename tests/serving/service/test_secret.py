"""The service's token."""

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.service.secret import VARIABLE, Secret, read_secret

TOKEN = "sesame-sesame-sesame"


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def token_file(tmp_path):
    def write(content, mode=0o600):
        path = tmp_path / "token"
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)

    return write


def test_the_header_must_carry_the_token():
    secret = Secret(TOKEN)
    assert secret.allows(f"Bearer {TOKEN}".encode()) and secret.allows(f"bearer {TOKEN} ".encode())
    wrong = [
        "",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN.upper()}",
        "Bearer ",
    ]
    assert not any(secret.allows(header.encode()) for header in wrong)
    assert not secret.allows(b"Bearer \xff\xfe")  # bytes of a header are any bytes


def test_it_is_read_from_a_file_or_the_environment(token_file, monkeypatch):
    assert read_secret(None) is None
    assert read_secret(token_file(f"{TOKEN}\n".encode())).allows(f"Bearer {TOKEN}".encode())
    monkeypatch.setenv(VARIABLE, TOKEN)
    assert read_secret(None).allows(f"Bearer {TOKEN}".encode())
    with pytest.raises(ConfigError, match=rf"token_file: {VARIABLE} is set, too; give one of them"):
        read_secret(token_file(TOKEN.encode()))


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"two words of one line here", b"one-of-two-lines\nthe-other-line--", "süßes-süßes-süßes".encode()],
)
def test_a_token_that_is_weak_or_cannot_be_sent(token_file, content):
    with pytest.raises(ConfigError, match=r"the token must be one line of at least 16 ASCII characters"):
        read_secret(token_file(content))


def test_a_file_that_cannot_be_read(token_file, tmp_path):
    with pytest.raises(ConfigError, match=r"token_file: .*nothing cannot be read \(No such file or directory\)"):
        read_secret(str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match=r"token_file: .* cannot be read \('utf-8' codec"):
        read_secret(token_file(b"\xff" * 20))


def test_an_empty_variable_is_not_no_token(monkeypatch):
    """Whoever sets it wants one; a service that anybody may use would be the wrong guess."""
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(ConfigError, match=rf"{VARIABLE}: the token must be"):
        read_secret(None)


def test_a_file_that_others_may_read_is_said(token_file, caplog):
    read_secret(token_file(TOKEN.encode(), 0o644))
    assert "others may read" in caplog.text
