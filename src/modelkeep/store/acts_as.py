"""What a principal acts as, in SQL: itself, its groups, and the groups around those.

The closure is stored of groups alone, because a group may have any number of members: with their rows in it, a group of 10,000
that joins another would write 10,000 rows. A user's groups are one join away."""


def acts_as(member: str) -> str:
    """A subquery with the column `group_id`: the ids of all that a principal acts as, some of them twice.

    `member`: SQL for the principal's id, a parameter or a column of the outer query. It stands inside of both parts, so that
    neither database has to see by itself that it narrows them."""
    return (
        f"(SELECT group_id FROM membership_closure WHERE member_id = {member} UNION ALL "
        "SELECT around.group_id FROM memberships direct JOIN membership_closure around ON around.member_id = direct.group_id "
        f"WHERE direct.member_id = {member})"
    )
