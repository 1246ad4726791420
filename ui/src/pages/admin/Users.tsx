import { Principals } from "./Principals";

export default function Users() {
  return (
    <Principals
      kind="users"
      noun="user"
      hint="Usually an e-mail address."
      command="modelkeep users create alice@example.com"
      about="Users are people who sign in. Deactivation immediately ends all sessions and tokens of a user, and keeps their property."
    />
  );
}
