// dotnet run -- https://node.example.vn:8443 TOKEN AUTHORITY.pem [LETTER.edxml]
// Hands a letter in, then fetches and confirms what lies ready. .NET 8 or later, no packages: the Program.cs of a project.
using System;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;

var (node, token, authority) = (args[0], args[1], args[2]);
var trust = new X509ChainPolicy
{
    TrustMode = X509ChainTrustMode.CustomRootTrust,
    RevocationMode = X509RevocationMode.NoCheck, // where the authority publishes lists: Online
};
trust.CustomTrustStore.ImportFromPemFile(authority);
using var http = new HttpClient(new SocketsHttpHandler
{
    SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = trust },
});
http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
http.DefaultRequestHeaders.AcceptLanguage.ParseAdd("vi");

if (args.Length > 3)
{
    var letter = await File.ReadAllBytesAsync(args[3]);
    var digest = Convert.ToHexString(SHA256.HashData(letter)).ToLowerInvariant(); // its name: again does no harm
    using var told = JsonDocument.Parse(await Call(HttpMethod.Put, $"/v1/envelopes/{digest}", letter));
    Console.WriteLine($"accepted {told.RootElement.GetProperty("document_id").GetString()}");
}
using var page = JsonDocument.Parse(await Call(HttpMethod.Get, "/v1/inbox?wait=10")); // go on with its cursor, for ever
foreach (var one in page.RootElement.GetProperty("letters").EnumerateArray())
{
    var name = one.GetProperty("letter").GetString();
    using (var file = new FileStream(name + ".partial", FileMode.Create))
    {
        file.Write(await Call(HttpMethod.Get, $"/v1/inbox/{name}"));
        file.Flush(flushToDisk: true); // durable before it is confirmed
    }
    File.Move(name + ".partial", name + ".edxml", overwrite: true);
    await Call(HttpMethod.Post, $"/v1/inbox/{name}/confirm");
    Console.WriteLine($"taken over {name}");
}

async Task<byte[]> Call(HttpMethod method, string path, byte[] body = null)
{
    while (true)
    {
        using var request = new HttpRequestMessage(method, node + path);
        if (body != null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/xml");
        }
        using var answer = await http.SendAsync(request);
        var data = await answer.Content.ReadAsByteArrayAsync();
        if (answer.IsSuccessStatusCode) return data;
        if (answer.StatusCode is not (HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests))
            throw new InvalidOperationException(Encoding.UTF8.GetString(data));
        await Task.Delay(answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(5));
    }
}
