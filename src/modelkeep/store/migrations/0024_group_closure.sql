-- The closure holds, of a group, all groups around it; of a user or service principal, only itself and 'account users'. What a user
-- acts as follows from the memberships and the closure of the user's groups (store/acts_as.py), so that a change of a group with
-- many members touches one row for each group, and none for each member.
DELETE FROM membership_closure WHERE member_id <> group_id
AND member_id IN (SELECT id FROM principals WHERE kind <> 'GROUP')
AND group_id NOT IN (SELECT id FROM principals WHERE name_key = 'account users')
--;
CREATE INDEX principals_account_admin ON principals (id) WHERE account_admin = 1
--;
-- For operators who look into the database; the program spells it out, with the member inside of both parts.
CREATE VIEW acts_as (member_id, group_id) AS
SELECT member_id, group_id FROM membership_closure
UNION
SELECT d.member_id, c.group_id FROM memberships d JOIN membership_closure c ON c.member_id = d.group_id
