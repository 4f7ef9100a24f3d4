import assert from "node:assert/strict";
import { checkLink } from "../../../core/checkpoint/check_link.ts";
import { copyCompanionFiles } from "../../../core/checkpoint/companions.ts";
import { createFileOnDisk } from "../../../core/checkpoint/output_file.ts";
import { list, refused, temporaryDirectory } from "./checkpoint_files.ts";

/** A folder with a cache of one repository, another repository, and a plain directory. */
async function folders(root: string): Promise<void> {
  for (
    const path of [
      "hub/models--org--name/blobs/deep",
      "hub/models--org--name/snapshots/1/sub",
      "hub/models--org--other/blobs",
      "hub/blobs/ab",
      "hub/blobs/cd",
      "plain/snapshots/1",
      "plain/blobs",
    ]
  ) await Deno.mkdir(`${root}/${path}`, { recursive: true });
  for (
    const path of [
      "hub/models--org--name/blobs/abc",
      "hub/models--org--name/blobs/deep/abc",
      "hub/models--org--name/secret",
      "hub/models--org--other/blobs/abc",
      `hub/blobs/ab/${SHARED}`,
      `hub/blobs/cd/${SHARED}`,
      "hub/blobs/ab/abc",
      "plain/blobs/abc",
      "plain/snapshots/1/real",
      "outside",
    ]
  ) await Deno.writeTextFile(`${root}/${path}`, path);
}

/** A content that repositories share. */
const SHARED = "ab".repeat(32);
const SNAPSHOT = "hub/models--org--name/snapshots/1";

/** Directory, where a link in it leads, and whether that is allowed. */
const CASES: readonly (readonly [string, string, boolean])[] = [
  [SNAPSHOT, "../../blobs/abc", true],
  [`${SNAPSHOT}/sub`, "../../../blobs/abc", true],
  [SNAPSHOT, "../../blobs/deep/abc", false],
  [SNAPSHOT, "../../secret", false],
  [SNAPSHOT, "../../../models--org--other/blobs/abc", false],
  [SNAPSHOT, "../../../../outside", false],
  [SNAPSHOT, `../../../blobs/ab/${SHARED}`, true],
  [SNAPSHOT, `../../../blobs/cd/${SHARED}`, false],
  [SNAPSHOT, "../../../blobs/ab/abc", false],
  ["plain/snapshots/1", "../../blobs/abc", false],
  ["plain/snapshots/1", "real", true],
  ["plain", "snapshots/1/real", true],
  ["plain", "../plain/blobs/abc", true],
  ["plain", "../outside", false],
];

for (const [directory, target, allowed] of CASES) {
  Deno.test(`checkLink() ${allowed ? "allows" : "refuses"} ${directory} -> ${target}`, async () => {
    await using folder = await temporaryDirectory();
    await folders(folder.path);
    const path = `${folder.path}/${directory}/link`;
    await Deno.symlink(target, path);
    const check = () => checkLink(path, `${folder.path}/${directory}`);
    if (allowed) await check();
    else await refused(check, /link is a link to .*, outside of its directory/);
  });
}

Deno.test("checkLink() lets the directory itself be a link, and follows links to links", async () => {
  await using folder = await temporaryDirectory();
  await folders(folder.path);
  await Deno.symlink(SNAPSHOT, `${folder.path}/here`);
  await Deno.symlink("../../blobs/abc", `${folder.path}/${SNAPSHOT}/first`);
  await Deno.symlink("first", `${folder.path}/${SNAPSHOT}/second`);
  await checkLink(`${folder.path}/here/second`, `${folder.path}/here`);
  await checkLink(`${folder.path}/here/second`, `${folder.path}/${SNAPSHOT}/`);
  // Blobs that are a link themselves are not the repository's.
  await Deno.rename(`${folder.path}/hub/models--org--name/blobs`, `${folder.path}/elsewhere`);
  await Deno.symlink(`${folder.path}/elsewhere`, `${folder.path}/hub/models--org--name/blobs`);
  await refused(
    () => checkLink(`${folder.path}/here/second`, `${folder.path}/here`),
    /second is a link to .*elsewhere\/abc, outside/,
  );
});

Deno.test("copyCompanionFiles() copies nothing from outside of the directory", async () => {
  await using folder = await temporaryDirectory();
  await folders(folder.path);
  await Deno.mkdir(`${folder.path}/target`);
  await Deno.symlink("../outside", `${folder.path}/plain/LICENSE`);
  await refused(
    () => copyCompanionFiles(`${folder.path}/plain`, `${folder.path}/target`, createFileOnDisk),
    /LICENSE is a link to .*outside, outside of its directory/,
  );
  assert.deepEqual(list(`${folder.path}/target`), []);
});
