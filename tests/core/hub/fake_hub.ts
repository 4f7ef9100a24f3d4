/**
 * A server on loopback that plays the hub: two origins, one for the API and one for large files.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { uploadAnswer, type Uploads } from "./fake_uploads.ts";

/** A revision of a repository. */
export interface FakeRepository {
  /** Its commit. */
  commit: string;
  /** Names of revisions besides the commit itself. */
  revisions: string[];
  /** Contents by path. */
  files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Whether files need a token that has accepted the licence. */
  gated?: boolean;
  /** Fields of the model card. */
  cardData?: Record<string, unknown>;
}

/** A request that came. */
export interface SeenRequest {
  /** Whether it came to the server of large files. */
  readonly storage: boolean;
  /** Method and path. */
  readonly line: string;
  /** `Range`. */
  readonly range: string | null;
  /** `Authorization`. */
  readonly authorization: string | null;
}

/** Something that goes wrong. */
export interface Fault {
  /** Requests it befalls, by `GET /path`. */
  readonly match: RegExp;
  /** How often; always if not given. */
  times?: number;
  /** Answers instead. */
  readonly answer?: () => Response;
  /** Ends the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Sends other bytes. */
  readonly corrupt?: boolean;
  /** Sends all where a range was asked for. */
  readonly ignoreRange?: boolean;
  /** Sends so many bytes and then nothing more. */
  readonly stallAfter?: number;
}

/** The token that may read what is gated and write. */
export const TOKEN = "hf_of_a_test";

/** The server; disposing it ends it. */
export class FakeHub implements AsyncDisposable {
  /** Repositories by `org/name`. */
  readonly repositories = new Map<string, FakeRepository>();
  /** What goes wrong, the first that matches counts. */
  readonly faults: Fault[] = [];
  /** What came, in order. */
  readonly seen: SeenRequest[] = [];
  /** What was uploaded. */
  readonly uploads: Uploads = {
    objects: new Map(),
    parts: new Map(),
    created: [],
    commits: [],
    role: "write",
    chunkSize: undefined,
  };
  readonly #api = this.#serve(false);
  readonly #storage = this.#serve(true);
  readonly #stalled: (() => void)[] = [];

  /** Its address, as `HF_ENDPOINT`. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#api.addr.port}`;
  }

  /** Where it keeps large files. */
  get storage(): string {
    return `http://127.0.0.1:${this.#storage.addr.port}`;
  }

  /** Adds a repository with the files of a directory and others. */
  async add(
    id: string,
    directory: string | undefined,
    files: Record<string, string | Uint8Array<ArrayBuffer>> = {},
  ): Promise<FakeRepository> {
    const all = new Map<string, Uint8Array<ArrayBuffer>>();
    for await (const { name, isFile } of directory === undefined ? [] : Deno.readDir(directory)) {
      if (isFile) all.set(name, await Deno.readFile(`${directory}/${name}`));
    }
    for (const [name, content] of Object.entries(files)) {
      all.set(name, typeof content === "string" ? new TextEncoder().encode(content) : content);
    }
    const commit = createHash("sha1").update(`${id} ${all.size}`).digest("hex");
    const repository = { commit, revisions: ["main", "HEAD"], files: all };
    this.repositories.set(id, repository);
    return repository;
  }

  /** Lines of requests that match. */
  lines(pattern: RegExp): string[] {
    return this.seen.map(({ line }) => line).filter((line) => pattern.test(line));
  }

  #serve(storage: boolean): Deno.HttpServer<Deno.NetAddr> {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    return Deno.serve(options, async (request) => {
      const url = new URL(request.url);
      const line = `${request.method} ${url.pathname}`;
      const { headers } = request;
      this.seen.push({
        storage,
        line,
        range: headers.get("range"),
        authorization: headers.get("authorization"),
      });
      const fault = this.faults.find(({ match, times = Infinity }) =>
        times > 0 && match.test(line)
      );
      if (fault !== undefined) fault.times = (fault.times ?? Infinity) - 1;
      if (fault?.answer !== undefined) {
        await request.body?.cancel();
        return fault.answer();
      }
      if (storage && request.method === "GET") return this.#content(url, request, fault);
      return await uploadAnswer(this, request, url) ?? this.#read(url, request, fault);
    });
  }

  #read(url: URL, request: Request, fault: Fault | undefined): Response {
    const [, id = "", rest = ""] =
      /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(.*)$/.exec(url.pathname) ?? [];
    const repository = this.repositories.get(id);
    if (repository === undefined) {
      return Response.json({ error: "Repository not found" }, {
        status: 401,
        headers: { "x-error-code": "RepoNotFound" },
      });
    }
    const [kind = "", revision = "", ...path] = rest.split("/").map(decodeURIComponent);
    if (revision !== repository.commit && !repository.revisions.includes(revision)) {
      return Response.json({ error: `Invalid rev id: ${revision}` }, {
        status: 404,
        headers: { "x-error-code": "RevisionNotFound" },
      });
    }
    if (kind === "revision") {
      return Response.json({
        _id: "1",
        id,
        sha: repository.commit,
        gated: repository.gated ?? false,
        lastModified: new Date(0).toISOString(),
        cardData: repository.cardData,
      });
    }
    if (kind === "tree") return this.#tree(id, repository, path.join("/"), url);
    if (kind === "resolve") return this.#resolve(repository, path.join("/"), request, fault);
    return new Response("no such thing", { status: 404 });
  }

  /** Two pages where there are several files, as the hub does from 1,000 on. */
  #tree(id: string, { files, commit }: FakeRepository, folder: string, url: URL): Response {
    const entries = [...files].filter(([path]) =>
      folder === "" ? !path.includes("/") || path.startsWith("/") : path.startsWith(`${folder}/`)
    ).map(([path, bytes]) => ({
      type: "file",
      path,
      size: bytes.length,
      oid: gitHash(bytes),
      ...(isLarge(path)
        ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }
        : {}),
    }));
    const second = url.searchParams.has("cursor");
    const half = Math.ceil(entries.length / 2);
    if (second) return Response.json(entries.slice(half));
    const next = `${this.endpoint}/api/models/${id}/tree/${commit}${
      folder && `/${folder}`
    }?cursor=2`;
    return Response.json(entries.slice(0, half), { headers: { link: `<${next}>; rel="next"` } });
  }

  #resolve(
    repository: FakeRepository,
    path: string,
    request: Request,
    fault: Fault | undefined,
  ): Response {
    const bytes = repository.files.get(path);
    if (bytes === undefined) {
      return new Response("Entry not found", {
        status: 404,
        headers: { "x-error-code": "EntryNotFound" },
      });
    }
    if (repository.gated && request.headers.get("authorization") !== `Bearer ${TOKEN}`) {
      return Response.json({ error: "Access to this model is restricted" }, {
        status: request.headers.has("authorization") ? 403 : 401,
        headers: { "x-error-code": "GatedRepo" },
      });
    }
    const named = { "x-repo-commit": repository.commit, "accept-ranges": "bytes" };
    if (!isLarge(path)) {
      return this.#send(bytes, request, fault, { ...named, etag: `"${gitHash(bytes)}"` });
    }
    const hash = sha256(bytes);
    this.uploads.objects.set(hash, bytes);
    return new Response(null, {
      status: 302,
      headers: {
        ...named,
        location: `${this.storage}/content/${hash}?signature=1`,
        etag: `"${hash.slice(0, 32)}"`,
        "x-linked-etag": `"${hash}"`,
        "x-linked-size": String(bytes.length),
      },
    });
  }

  #content(url: URL, request: Request, fault: Fault | undefined): Response {
    const bytes = this.uploads.objects.get(url.pathname.replace("/content/", ""));
    if (bytes === undefined) return new Response("NoSuchKey", { status: 404 });
    return this.#send(bytes, request, fault, { etag: '"storage"' });
  }

  #send(
    bytes: Uint8Array<ArrayBuffer>,
    request: Request,
    fault: Fault | undefined,
    headers: Record<string, string>,
  ): Response {
    const asked = fault?.ignoreRange
      ? null
      : /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "");
    const start = asked === null ? 0 : Number(asked[1]);
    if (start >= bytes.length && start > 0) return new Response(null, { status: 416 });
    const part = bytes.slice(start);
    if (fault?.corrupt) part[0] = part[0]! ^ 255;
    const status = asked === null ? 200 : 206;
    const all = {
      ...headers,
      "content-length": String(part.length),
      ...(asked === null
        ? {}
        : { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    };
    if (request.method === "HEAD") return new Response(null, { status, headers: all });
    const sent = fault?.cutAfter ?? fault?.stallAfter;
    if (sent === undefined) return new Response(part, { status, headers: all });
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(part.slice(0, sent));
        if (fault?.stallAfter === undefined) controller.close();
        else this.#stalled.push(() => controller.close());
      },
    });
    return new Response(body, { status, headers: all });
  }

  /** Ends the connections that stand still. */
  release(): void {
    for (const end of this.#stalled.splice(0)) {
      try {
        end();
      } catch {
        // The client has left.
      }
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await Promise.all([this.#api.shutdown(), this.#storage.shutdown()]);
  }
}

/** Whether a file is stored as a large one. */
export function isLarge(path: string): boolean {
  return /\.(safetensors|gguf|bin)$/.test(path);
}

/** Git's name of a content. */
export function gitHash(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** SHA-256 of a content. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
