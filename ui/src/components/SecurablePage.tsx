import type { ReactNode } from "react";

import type { Tag } from "../api/mutations";
import { useDenialReason } from "../api/permissions";
import { lazyComponent } from "../lib/lazyComponent";
import { isContainer, type Securable } from "../lib/securables";
import { visible } from "../lib/text";
import { Badges } from "../ui/Badges";
import { KindIcon } from "../ui/kinds";
import { type Crumb, Page } from "../ui/Page";
import { type Tab, UrlTabs } from "../ui/UrlTabs";
import { BrowseOnlyNotice } from "./BrowseOnlyNotice";
import { Description, type DescriptionSource } from "./Description";
import { CreatedAndChanged, Detail, DetailsPanel } from "./Details";
import { ProtectedAliases } from "./ProtectedAliases";
import { RequestAccessButton } from "./RequestAccessButton";
import { SecurableMenu } from "./SecurableMenu";
import { TagsDetail } from "./TagsDetail";

const Permissions = lazyComponent(() => import("./Permissions"));
const Activity = lazyComponent(() => import("./Activity"));

const KIND_LABELS = {
  CATALOG: "Catalog",
  SCHEMA: "Schema",
  MODEL: "Model",
  PROMPT: "Prompt",
  TABLE: "Table",
  VOLUME: "Volume",
  FUNCTION: "Function",
};
const HAS_ALIASES = new Set(["CATALOG", "SCHEMA", "MODEL", "PROMPT"]);

/** What the server says about every securable. */
interface SecurableInfo {
  full_name: string;
  owner: string;
  comment?: string;
  etag?: string | undefined;
  browse_only?: boolean;
  created_at: number;
  created_by: string;
  updated_at: number;
  updated_by: string;
}

interface Props {
  securable: Securable;
  info: SecurableInfo;
  title: string;
  crumbs: Crumb[];
  tags: Tag[];
  description: DescriptionSource;
  /** The buttons before the menu. */
  actions: ReactNode;
  copy?: { label: string; icon: ReactNode; onClick: () => void };
  /** Details after the tags, and details after the protected aliases. */
  aliases?: ReactNode;
  settings?: ReactNode;
  /** Below the description. */
  content: ReactNode;
  /** Tabs between the overview and the permissions. */
  tabs?: Tab[];
  /** Tabs between the permissions and the activity. */
  settingTabs?: Tab[];
  /** The dialogs that are open. */
  children?: ReactNode;
}

/** The page of a securable: heading, overview with details, permissions and activity. */
export function SecurablePage(props: Props) {
  const { securable, info, title, crumbs, actions, copy, children } = props;
  return (
    <Page
      title={title}
      kind={KIND_LABELS[securable.kind]}
      icon={<KindIcon kind={securable.kind} size={26} />}
      crumbs={crumbs}
      copy={info.full_name}
      badge={<Badges kind={securable.kind} info={info} />}
      actions={
        <>
          {info.browse_only ? <RequestAccessButton primary securable={securable} /> : null}
          {actions}
          <SecurableMenu
            securable={{ ...securable, name: info.full_name }}
            owner={info.owner}
            copy={copy}
          />
        </>
      }
    >
      {info.browse_only ? <BrowseOnlyNotice kind={securable.kind} owner={info.owner} /> : null}
      <UrlTabs
        tabs={[
          { value: "overview", label: "Overview", render: () => <Overview {...props} /> },
          ...(props.tabs ?? []),
          {
            value: "permissions",
            label: "Permissions",
            render: () => <Permissions securable={securable} owner={info.owner} />,
          },
          ...(props.settingTabs ?? []),
          {
            value: "activity",
            label: "Activity",
            render: () => <Activity type={securable.type} name={securable.name} />,
          },
        ]}
      />
      {children}
    </Page>
  );
}

function Overview({ securable, info, tags, description, aliases, settings, content }: Props) {
  const denialReason = useDenialReason(securable.type, securable.name, info.owner);
  return (
    <div className="columns">
      <div>
        <Description
          draftName={`${securable.kind} ${securable.name}`}
          comment={info.comment ?? ""}
          etag={info.etag}
          {...description}
        />
        {content}
      </div>
      <DetailsPanel label={`About this ${KIND_LABELS[securable.kind].toLowerCase()}`}>
        <Detail term="Owner">{visible(info.owner)}</Detail>
        {info.browse_only ? null : (
          <>
            <TagsDetail
              securable={securable}
              tags={tags}
              denialReason={denialReason("change_tags")}
            />
            {aliases}
            {HAS_ALIASES.has(securable.kind) ? <ProtectedAliases securable={securable} /> : null}
            {settings}
          </>
        )}
        <CreatedAndChanged dates={info} />
        {isContainer(securable.kind) ? null : (
          <Detail term="Full name">
            <span className="mono">{visible(info.full_name)}</span>
          </Detail>
        )}
      </DetailsPanel>
    </div>
  );
}
