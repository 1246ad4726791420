"""Users, groups, service principals and tokens through databricks-sdk, old and new. Arguments: a prefix for names."""

import sys

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, ResourceConflict
from databricks.sdk.service import iam
from refusal import refused

prefix = sys.argv[1]
w = WorkspaceClient()


# users
ada = w.users.create(
    user_name=f"{prefix}@x.io",
    display_name="Ada",
    name=iam.Name(given_name="Ada"),
    external_id="e-1",
    emails=[iam.ComplexValue(value=f"{prefix}@x.io", type="work", primary=True)],
)
assert ada.active and int(ada.id) > 0, ada
assert w.users.get(ada.id).name.given_name == "Ada"
listed = list(w.users.list(filter=f'userName eq "{prefix}@x.io"', attributes="id,userName"))
assert [(u.id, u.user_name, u.display_name) for u in listed] == [(ada.id, ada.user_name, None)], listed
assert len(list(w.users.list(count=1))) == len(list(w.users.list())) > 1
refused(ResourceConflict, w.users.create, user_name=f"{prefix}@X.io")
refused(NotFound, w.users.get, "1")
assert "invalidFilter" in refused(BadRequest, lambda: list(w.users.list(filter="userName is x")))
w.users.patch(
    ada.id,
    operations=[iam.Patch(op=iam.PatchOp.REPLACE, path="displayName", value="Countess")],
    schemas=[iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP],
)
w.users.update(ada.id, user_name=f"{prefix}@y.io", display_name=w.users.get(ada.id).display_name)
assert (w.users.get(ada.id).user_name, w.users.get(ada.id).display_name) == (f"{prefix}@y.io", "Countess")

# groups
inner = w.groups.create(display_name=f"{prefix} inner", members=[iam.ComplexValue(value=ada.id)])
outer = w.groups.create(display_name=f"{prefix} outer", members=[iam.ComplexValue(value=inner.id)])
assert [m.display for m in w.groups.get(outer.id).members] == [inner.display_name]
assert {g.display for g in w.users.get(ada.id).groups} == {"account users", inner.display_name, outer.display_name}
w.groups.patch(
    inner.id,
    operations=[iam.Patch(op=iam.PatchOp.REMOVE, path=f'members[value eq "{ada.id}"]')],
    schemas=[iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP],
)
assert not w.groups.get(inner.id).members
assert [g.id for g in w.groups.list(filter=f'displayName co "{prefix} i"')] == [inner.id]

# service principals and tokens
robot = w.service_principals.create(display_name=f"{prefix} robot", active=True)
assert w.service_principals.get(robot.id).application_id == robot.application_id
obo_token = w.token_management.create_obo_token(
    application_id=robot.application_id, lifetime_seconds=600, comment="nightly"
)
assert obo_token.token_info.owner_id == int(robot.id), obo_token
assert obo_token.token_info.created_by_id == int(w.current_user.me().id)
machine = WorkspaceClient(host=w.config.host, token=obo_token.token_value)
assert machine.current_user.me().user_name in (None, robot.application_id)
mine = w.tokens.create(comment=prefix, lifetime_seconds=600)
assert mine.token_value.startswith("mk_") and mine.token_info.expiry_time > mine.token_info.creation_time
assert mine.token_info.token_id in [t.token_id for t in w.tokens.list()]
assert not hasattr(next(iter(w.tokens.list())), "token_value")
ours = {t.token_id: t for t in w.token_management.list(created_by_id=int(w.current_user.me().id))}
assert {mine.token_info.token_id, obo_token.token_info.token_id} <= ours.keys()
assert ours.keys() == {t.token_id for t in w.token_management.list(created_by_username=w.current_user.me().user_name)}
assert not list(w.token_management.list(created_by_id=1))
token_management = w.token_management.get(obo_token.token_info.token_id)
token_management = getattr(token_management, "token_info", token_management)
assert (token_management.comment, token_management.created_by_username) == ("nightly", w.current_user.me().user_name)
w.tokens.delete(mine.token_info.token_id)
assert mine.token_info.token_id not in [t.token_id for t in w.tokens.list()]
w.token_management.delete(obo_token.token_info.token_id)
refused(NotFound, w.tokens.delete, "no-such-token")
refused(Exception, machine.current_user.me)

for api, result in ((w.groups, outer), (w.groups, inner), (w.service_principals, robot), (w.users, ada)):
    api.delete(result.id)
    refused(NotFound, api.get, result.id)
