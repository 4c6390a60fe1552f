"""Links to other sites: in one form everywhere, and, as a sweep, with something at their end."""

import re
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from docs_examples import DOCUMENTS, name_of

pytestmark = pytest.mark.docs

LINK = re.compile(r"\bhttps?://[^\s<>\"'`]+")
PATIENCE = 30
"""Seconds that a site may take."""


def links_of(text):
    """Links of a text, without what ends the sentence or the brackets around them."""
    return [link.rstrip(".,;:!?)]*_") for link in LINK.findall(text)]


LINKS = {link: name_of(page) for page in DOCUMENTS for link in links_of(page.read_text(encoding="utf-8"))}


def problem_of(link):
    """What is wrong with the form of a link; empty if nothing is."""
    parts = urlsplit(link)
    if parts.scheme != "https":
        return "allowed: https"
    if not re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.netloc):
        return "no public host"
    return "" if parts.path else "a host needs a slash behind it"


def test_links_are_found_and_judged():
    text = 'See [it](https://a.org/x), <https://b.org/>, "http://c.org/", https://localhost/d. And https://e.org!'
    assert [(link, problem_of(link)) for link in links_of(text)] == [
        ("https://a.org/x", ""),
        ("https://b.org/", ""),
        ("http://c.org/", "allowed: https"),
        ("https://localhost/d", "no public host"),
        ("https://e.org", "a host needs a slash behind it"),
    ]


def test_links_to_other_sites_have_one_form():
    assert not {f"{page}: {link}": problem_of(link) for link, page in LINKS.items() if problem_of(link)}


def answer_of(link):
    """Status of the answer, or what kept it away."""
    request = urllib.request.Request(link, headers={"User-Agent": "Mozilla/5.0 (neuroproc, a test of links)"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return str(error)


@pytest.mark.sweep
def test_links_to_other_sites_answer():
    answers = {f"{page}: {link}": answer_of(link) for link, page in LINKS.items()}
    if not any(isinstance(answer, int) for answer in answers.values()):
        pytest.skip("no network: no site answers")
    assert not {link: answer for link, answer in answers.items() if answer != 200}
