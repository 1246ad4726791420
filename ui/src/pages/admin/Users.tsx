import { Principals } from "./Principals";

export default function Users() {
  return (
    <Principals
      kind="users"
      noun="user"
      hint="Usually an e-mail address."
      command="modelkeep users create alice@example.com"
      about="People who sign in. Deactivating one ends all sessions and tokens at once, and keeps what they own."
    />
  );
}
