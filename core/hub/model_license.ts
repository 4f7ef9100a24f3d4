/**
 * Licences of models on the hub.
 *
 * @module
 */

import { HubClient } from "./hub_client.ts";
import { type HubSettings, hubSettings } from "./hub_settings.ts";
import type { CardLicense } from "./model_card.ts";

/**
 * What a model's card on the hub says of its licence, for the card of what is made of it; undefined where it says nothing
 * or cannot be asked.
 */
export async function modelLicense(
  id: string,
  options: { readonly settings?: Partial<HubSettings>; readonly signal?: AbortSignal } = {},
): Promise<CardLicense | undefined> {
  const { modelInfo } = await import("@huggingface/hub");
  const settings = { ...await hubSettings(), ...options.settings };
  const client = new HubClient({ settings, id, signal: options.signal, attempts: 2 });
  let card: unknown;
  try {
    const info = await modelInfo({
      hubUrl: settings.endpoint,
      fetch: client.fetch,
      name: id,
      additionalFields: ["cardData"],
    });
    card = info.cardData;
  } catch {
    options.signal?.throwIfAborted();
    return undefined;
  }
  if (typeof card !== "object" || card === null) return undefined;
  const fields = ["license", "license_name", "license_link"] as const;
  const found = fields.flatMap((field) => {
    const value: unknown = (card as Record<string, unknown>)[field];
    return typeof value === "string" && value.length <= 500 ? [[field, value]] : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
