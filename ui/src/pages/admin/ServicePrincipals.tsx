import { Principals } from "./Principals";

export default function ServicePrincipals() {
  return (
    <Principals
      kind="service-principals"
      noun="service principal"
      hint="Of a job, a pipeline or a serving endpoint."
      command="modelkeep service-principals create nightly-training"
      about="Identities of programs. Create tokens for them under Access tokens."
    />
  );
}
