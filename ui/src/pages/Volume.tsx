import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "react-router";

import { updateSecurable } from "../api/mutations";
import { type VolumeInfo, volume as volumeQuery } from "../api/objects";
import { useDenialReason } from "../api/permissions";
import { tags as tagsQuery } from "../api/securables";
import { Detail } from "../components/Details";
import { QueryPage } from "../components/QueryPage";
import { SecurablePage } from "../components/SecurablePage";
import { schemaCrumbs } from "../lib/crumbs";
import { lazyComponent } from "../lib/lazyComponent";
import { securableOf } from "../lib/securables";
import { visible } from "../lib/text";
import type { Crumb } from "../ui/Page";

const VolumeFiles = lazyComponent(() => import("../components/VolumeFiles"));

export default function Volume() {
  const { catalog = "", schema = "", volume: leaf = "" } = useParams();
  const name = `${catalog}.${schema}.${leaf}`;
  const query = useQuery(volumeQuery(name));
  const crumbs = schemaCrumbs(catalog, schema);
  return (
    <QueryPage
      query={query}
      securable={securableOf("VOLUME", name)}
      title={leaf}
      kind="Volume"
      crumbs={crumbs}
    >
      {(volume) => <VolumePage key={name} volume={volume} crumbs={crumbs} />}
    </QueryPage>
  );
}

function VolumePage({ volume, crumbs }: { volume: VolumeInfo; crumbs: Crumb[] }) {
  const name = volume.full_name;
  const browseOnly = volume.browse_only === true;
  const tags = useQuery({ ...tagsQuery("volumes", name), enabled: !browseOnly });
  const client = useQueryClient();
  const denialReason = useDenialReason("volume", name, volume.owner);
  return (
    <SecurablePage
      securable={securableOf("VOLUME", name)}
      info={volume}
      title={volume.name}
      crumbs={crumbs}
      tags={tags.data ?? []}
      description={{
        reload: () => client.fetchQuery({ ...volumeQuery(name), staleTime: 0 }),
        save: (comment) => updateSecurable("VOLUME", name, { comment }),
        readOnly: browseOnly,
        denialReason: denialReason("update_comment"),
      }}
      settings={
        <>
          <Detail term="Type">{visible(volume.volume_type.toLowerCase())}</Detail>
          <Detail term="Location">
            <span className="mono anywhere">{visible(volume.storage_location ?? "")}</span>
          </Detail>
          <Detail term="Path">
            <span className="mono anywhere">/Volumes/{visible(name.replaceAll(".", "/"))}</span>
          </Detail>
        </>
      }
      content={null}
      tabs={
        browseOnly
          ? []
          : [{ value: "files", label: "Files", render: () => <VolumeFiles volume={name} /> }]
      }
      actions={null}
    />
  );
}
