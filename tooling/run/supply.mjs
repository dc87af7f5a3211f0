// What is asked about the packages that ours stand on: known flaws, and the bill of materials.

/** Says what an audit came to. A registry that has no such endpoint, or no network, is no clean bill. */
export function auditVerdict(status, output) {
  if (
    /ERR_PNPM_AUDIT_(?:BAD_RESPONSE|ENDPOINT_NOT_EXISTS)|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|error sending request/i.test(
      output,
    )
  )
    return { line: "audit: not available: the registry's endpoint did not answer, so nothing is known", code: 3 };
  if (status === 0) return { line: "audit: no known flaws", code: 0 };
  return { line: "audit: see above", code: status ?? 1 };
}

/** pnpm's own command over the lockfile: all packages of the workspace, and all that they need at run time. */
export function sbomArguments(file) {
  const form = ["--sbom-format", "cyclonedx", "--sbom-spec-version", "1.6"];
  return ["sbom", ...form, "--lockfile-only", "--prod", "--out", file];
}
