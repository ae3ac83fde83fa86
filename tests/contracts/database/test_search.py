"""Search: which words find a document, in which order, and that words follow every write."""

import pytest

from academy.infrastructure.database.base import SEARCH_CANDIDATES, Collection, Database, SearchPage
from tests.contracts.database.documents import Book, book

TITLES = {
    "plain": "Linear Algebra for Poets",
    "accents": "Éléments de théorie — «naïve» Straße",
    "scripts": "हिन्दी व्याकरण 日本語 Ελληνικά",
    "digits": "C++17 in 21 days, part-2/b",
    "new": "Adlam \U0001e900\U0001e901\U0001e902 letters",
    "nasty": "drop\0table; \" OR 1=1 -- 'quoted' * NEAR(a b) title:x",
    "emoji": "😀 smile",
    "long": "x" * 200 + " tail",
}

FOUND: list[tuple[str, set[str]]] = [
    ("algebra", {"plain"}),
    ("ALGEBRA linear", {"plain"}),
    ("alg", {"plain"}),
    ("alg linear", set()),
    ("linear alg", {"plain"}),
    ("lgebra", set()),
    ("algebra geometry", set()),
    ("elements THEORIE", {"accents"}),
    ("strasse", {"accents"}),
    ("naïv", {"accents"}),
    ("हिन्दी", {"scripts"}),
    ("हिन्द", {"scripts"}),
    ("हन्दी", set()),
    ("日本", {"scripts"}),
    ("ΕΛΛΗΝΙΚΆ", {"scripts"}),
    ("ελλ", {"scripts"}),
    ("c 17", {"digits"}),
    ("17", {"digits"}),
    ("2 b", {"digits"}),
    ("part-2", {"digits"}),
    ("\U0001e922\U0001e923", {"new"}),
    ("adlam \U0001e900\U0001e901\U0001e902", {"new"}),
    ("table drop", {"nasty"}),
    ("near OR and", set()),
    ("OR near", {"nasty"}),
    ('"OR 1=1', {"nasty"}),
    ("quoted'", {"nasty"}),
    ("title:x", {"nasty"}),
    ("*", set()),
    ("😀", set()),
    ("😀 smile", {"emoji"}),
    ("x" * 60, {"long"}),
    ("x" * 200, {"long"}),
    ("x" * 13, {"long"}),
    ("tail " + "x" * 61, {"long"}),
    ("", set()),
    (" \n\0 - '", set()),
    ("the " * 10_000, set()),
]


async def test_words(books: Collection[Book]) -> None:
    await books.insert_many([book(slug, title=title) for slug, title in TITLES.items()])
    found = [(text, {one.slug for one in (await books.search(text, {}, limit=100)).items}) for text, _ in FOUND]
    assert found == FOUND


async def test_words_follow_every_write(database: Database, books: Collection[Book]) -> None:
    async def found(text: str) -> int:
        return (await books.search(text, {})).total

    one = book("a", title="Linear algebra")
    await books.insert(one)
    assert [await found("alg"), await found("algebra lin"), await found("linear alg")] == [1, 1, 1]
    assert await books.update_one({"slug": "a"}, {"$set": {"title": "Group theory"}})
    assert [await found("alg"), await found("the")] == [0, 1]
    longest = {"title": "Extraordinarily-longwordedness"}
    assert await books.update_many({"slug": "a"}, {"$push": {"parts": longest}}) == 1
    assert [await found("extraordinarily"), await found("extraordinari"), await found("theory extra")] == [1, 1, 1]
    read = await books.get(one.id)
    assert read is not None
    assert read.version == 3
    read.title = "Rings"
    read.parts = []
    await books.replace(read)
    assert [await found("theory"), await found("ring"), await found("extra")] == [0, 1, 0]
    changed = await books.find_and_update({"slug": "a"}, {"$set": {"title": "Fields"}})
    assert changed is not None
    assert [await found("rings"), await found("fields")] == [0, 1]
    await books.find_and_update({"slug": "b"}, {"$set": {"title": "x"}}, insert=book("b", title="Modules"))
    assert [await found("x"), await found("modul")] == [0, 1]

    async def undone() -> None:
        await books.update_many({}, {"$set": {"title": "Undone"}})
        assert await found("undone") == 2
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.transaction(undone)
    assert [await found("undone"), await found("fields"), await found("modules")] == [0, 1, 1]
    assert await books.delete_one({"slug": "a"})
    assert await books.delete_many({}) == 1
    assert [await found("fields"), await found("modules")] == [0, 0]


async def test_ranks_and_filters(books: Collection[Book]) -> None:
    made = [
        book("part", id="1", parts=[{"title": "sea"}], stars=1),
        book("title", id="2", title="sea", stars=1),
        book("both", id="3", title="sea", parts=[{"title": "seaside"}]),
        book("later", id="4", title="sea of seas", stars=1),
        book("none", id="5", title="land", stars=1),
    ]
    await books.insert_many(made)

    async def slugs(text: str, **query: object) -> list[str]:
        return [one.slug for one in (await books.search(text, query)).items]

    assert await slugs("sea") == ["both", "later", "title", "part"]
    assert await slugs("sea", stars=1) == ["later", "title", "part"]
    assert await slugs("sea", stars=7) == []
    found = await books.search("sea", {"stars": 1}, limit=2)
    assert (found.total, [one.slug for one in found.items]) == (3, ["later", "title"])
    by_slug = await books.search("sea", {}, sort=("slug",))
    assert [one.slug for one in by_slug.items] == ["both", "later", "part", "title"]
    assert await books.search("", {}) == await books.search("?!", {}) == SearchPage([], None, 0)


async def test_at_most_the_newest_candidates_are_considered(books: Collection[Book]) -> None:
    made = [book(f"{n:04}", id=f"{n:04}", title="same") for n in range(SEARCH_CANDIDATES + 5)]
    made[0].title = made[2].title = "same other"
    await books.insert_many(made)
    found = await books.search("same", {}, sort=("slug",), limit=3)
    assert found.total == SEARCH_CANDIDATES
    assert [one.slug for one in found.items] == ["0005", "0006", "0007"]
    assert (await books.search("other same", {})).total == 2
