/**
 * The part of the hub that takes files.
 *
 * @module
 */

import { type FakeHub, gitHash, isLarge, sha256, TOKEN } from "./fake_hub.ts";

/** What was uploaded, and how uploads are answered. */
export interface Uploads {
  /** Large contents by SHA-256. */
  readonly objects: Map<string, Uint8Array<ArrayBuffer>>;
  /** Parts of large contents that are under way. */
  readonly parts: Map<string, Map<number, Uint8Array<ArrayBuffer>>>;
  /** Bodies of requests that create a repository. */
  readonly created: Record<string, unknown>[];
  /** Lines of commits. */
  readonly commits: { readonly key: string; readonly value: Record<string, unknown> }[][];
  /** What the token may do. */
  role: "read" | "write" | "fineGrained";
  /** Bytes of a part; undefined for uploads in one piece. */
  chunkSize: number | undefined;
}

/** Answers what belongs to uploads; undefined for the rest. */
export async function uploadAnswer(
  hub: FakeHub,
  request: Request,
  url: URL,
): Promise<Response | undefined> {
  const { uploads } = hub;
  const line = `${request.method} ${url.pathname}`;
  const known = request.headers.get("authorization") === `Bearer ${TOKEN}`;
  const stored = /^PUT \/upload\/([0-9a-f]{64})(?:\/(\d+))?$/.exec(line);
  if (stored !== null) {
    const [, hash = "", part] = stored;
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (request.headers.get("content-length") !== String(bytes.length)) {
      return new Response("MissingContentLength", { status: 411 });
    }
    if (part === undefined) uploads.objects.set(hash, bytes);
    else {
      const parts = uploads.parts.get(hash) ?? new Map();
      uploads.parts.set(hash, parts.set(Number(part), bytes));
    }
    return new Response(null, { headers: { etag: `"${part ?? "whole"}"` } });
  }
  if (line === "GET /api/whoami-v2") {
    if (!known) return Response.json({ error: "Invalid user token." }, { status: 401 });
    return Response.json({
      type: "user",
      name: "tester",
      orgs: [{ type: "org", name: "org" }],
      auth: {
        type: "access_token",
        accessToken: { displayName: "t", role: uploads.role, createdAt: new Date(0).toISOString() },
      },
    });
  }
  if (request.method !== "POST") return undefined;
  if (!known) return Response.json({ error: "Invalid user token." }, { status: 401 });
  if (line === "POST /api/repos/create") return await create(hub, request);
  const [, id = "", what = ""] =
    /^\/(?:api\/models\/)?([^/]+\/[^/]+?)(\/preupload|\/commit|\.git|\/complete)\//
      .exec(url.pathname) ?? [];
  const repository = hub.repositories.get(id);
  if (repository === undefined) return undefined;
  if (what === "/preupload") {
    const { files } = await request.json() as { files: { path: string }[] };
    return Response.json({
      files: files.map(({ path }) => ({ path, uploadMode: isLarge(path) ? "lfs" : "regular" })),
    });
  }
  if (what === ".git") return await batch(hub, id, request);
  if (what === "/complete") return await complete(hub, request);
  return await commit(hub, id, request);
}

async function create(hub: FakeHub, request: Request): Promise<Response> {
  const body = await request.json() as Record<string, unknown>;
  const id = `${body.organization}/${body.name}`;
  if (hub.repositories.has(id)) {
    return Response.json({ error: "You already created this model repo" }, { status: 409 });
  }
  hub.uploads.created.push(body);
  await hub.add(id, undefined, { ".gitattributes": "" });
  return Response.json({ url: `${hub.endpoint}/${id}`, id });
}

async function batch(hub: FakeHub, id: string, request: Request): Promise<Response> {
  const { objects, transfers } = await request.json() as {
    objects: { oid: string; size: number }[];
    transfers: string[];
  };
  const { chunkSize, objects: there } = hub.uploads;
  return Response.json({
    transfer: chunkSize === undefined ? "basic" : "multipart",
    transfers,
    objects: objects.map(({ oid, size }) => {
      if (there.has(oid)) return { oid, size };
      const href = `${hub.storage}/upload/${oid}`;
      if (chunkSize === undefined) return { oid, size, actions: { upload: { href } } };
      const header: Record<string, string> = { chunk_size: String(chunkSize) };
      for (let part = 1; (part - 1) * chunkSize < size; part++) {
        header[String(part).padStart(5, "0")] = `${href}/${part}`;
      }
      const end = `${hub.endpoint}/api/models/${id}/complete/`;
      return { oid, size, actions: { upload: { href: end, header } } };
    }),
  });
}

async function complete(hub: FakeHub, request: Request): Promise<Response> {
  const { oid, parts } = await request.json() as {
    oid: string;
    parts: { partNumber: number; etag: string }[];
  };
  const there = hub.uploads.parts.get(oid);
  const pieces = parts.map(({ partNumber, etag }) =>
    etag === `"${partNumber}"` ? there?.get(partNumber) : undefined
  );
  if (pieces.includes(undefined)) {
    return Response.json({ error: "a part is missing" }, { status: 400 });
  }
  const blob = new Blob(pieces as Uint8Array<ArrayBuffer>[]);
  hub.uploads.objects.set(oid, new Uint8Array(await blob.arrayBuffer()));
  return Response.json({});
}

async function commit(hub: FakeHub, id: string, request: Request): Promise<Response> {
  const lines = (await request.text()).split("\n").map((line) => JSON.parse(line));
  const repository = hub.repositories.get(id)!;
  for (const { key, value } of lines) {
    if (key === "deletedFile") repository.files.delete(value.path);
    if (key === "file") repository.files.set(value.path, Uint8Array.fromBase64(value.content));
    if (key !== "lfsFile") continue;
    const bytes = hub.uploads.objects.get(value.oid);
    if (bytes === undefined || sha256(bytes) !== value.oid || bytes.length !== value.size) {
      return Response.json({ error: `LFS pointer ${value.path} has no object` }, { status: 400 });
    }
    repository.files.set(value.path, bytes);
  }
  hub.uploads.commits.push(lines);
  repository.commit = gitHash(new TextEncoder().encode(JSON.stringify(lines)));
  return Response.json({
    success: true,
    commitOid: repository.commit,
    commitUrl: `${hub.endpoint}/${id}/commit/${repository.commit}`,
  });
}
