"""The rating of a course is what its reviews add up to."""

from hypothesis import given
from hypothesis import strategies as some

from academy.features.courses.model import Rating
from academy.features.courses.reviews import rating_of


def test_without_reviews_it_is_nothing() -> None:
    assert rating_of({}) == Rating()


@given(some.lists(some.integers(min_value=1, max_value=5), min_size=1, max_size=200))
def test_it_counts_sums_and_averages(stars: list[int]) -> None:
    rating = rating_of({value: stars.count(value) for value in set(stars)})
    assert (rating.count, rating.total) == (len(stars), sum(stars))
    assert abs(rating.average - sum(stars) / len(stars)) <= 0.005
    assert 1 <= rating.average <= 5
    histogram = [rating.stars_1, rating.stars_2, rating.stars_3, rating.stars_4, rating.stars_5]
    assert histogram == [stars.count(value) for value in range(1, 6)]
