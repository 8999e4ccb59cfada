/** Addresses of proxies that run. A data connection at the port of a Worker would pass such a one by. */
export const proxied = new Set<string>();
